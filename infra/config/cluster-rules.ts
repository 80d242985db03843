import type { ConfigIssue } from "../../agents/lib/errors.ts";
import type { StackConfig } from "./schema.ts";
import { traitsOf } from "./series.ts";

export function unknownHost(path: string, name: string): ConfigIssue {
  return { path, message: `expected the name of a host under warren:hosts, got ${JSON.stringify(name)}` };
}

/** Roles of hosts that may run a broker. */
const brokerRoles = ["bunny", "dd"] as const;

export function clusterIssues(config: StackConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const member = new Map<string, string>();
  for (const [name, broker] of Object.entries(config.brokers)) {
    const path = `brokers.${name}`;
    broker.members.forEach((host, index) => {
      const at = `${path}.members.${index}`;
      if (!config.hosts[host]) issues.push(unknownHost(at, host));
      else if (!brokerRoles.some((role) => config.hosts[host]?.roles.includes(role))) {
        issues.push({ path: at, message: `expected a host with the role ${brokerRoles.join(" or ")}, got ${host}` });
      }
      const other = member.get(host);
      if (other)
        issues.push({ path: at, message: `expected a host that is in no other cluster, got ${host} of ${other}` });
      member.set(host, path);
    });
    const { replication } = traitsOf(broker.series);
    if (broker.defaultQueueType === "quorum" && (replication === "mirrored" || broker.members.length < 2)) {
      const why =
        replication === "mirrored" ? `its policy mirrors the queues of ${broker.series}` : "it has one member";
      issues.push({ path: `${path}.defaultQueueType`, message: `expected classic, because ${why}` });
    }
    if (broker.distributionTls && !broker.tls) {
      issues.push({ path: `${path}.distributionTls`, message: "expected false, because `tls` is false" });
    }
    if (broker.mqtt && !traitsOf(broker.series).mqtt5) {
      const message = `expected a series from 4.0 on, because subscribers need MQTT 5, and RabbitMQ ${broker.series} speaks 3.1.1 only`;
      issues.push({ path: `${path}.mqtt`, message });
    } else if (
      broker.mqtt &&
      !broker.exchanges.some(({ name, type }) => name === broker.mqtt?.exchange && type === "topic")
    ) {
      const message = `expected the name of a topic exchange under ${path}.exchanges, got ${JSON.stringify(broker.mqtt.exchange)}`;
      issues.push({ path: `${path}.mqtt.exchange`, message });
    }
    if (broker.mqtt && !broker.tls && !broker.plainText) {
      issues.push({ path: `${path}.mqtt`, message: "expected `tls` or `plainText` of the broker, or no port is open" });
    }
    const { port, plainPort } = broker.management;
    if (plainPort !== undefined && (!broker.tls || plainPort === port)) {
      const expected = broker.tls
        ? `another port than \`port\` (${port})`
        : "no such port: without TLS, `port` is plain HTTP";
      issues.push({ path: `${path}.management.plainPort`, message: `expected ${expected}, got ${plainPort}` });
    }
    if (broker.virtualIp && !config.virtualIps[broker.virtualIp]) {
      issues.push({
        path: `${path}.virtualIp`,
        message: `expected a name under warren:virtualIps, got "${broker.virtualIp}"`,
      });
    }
  }
  if (!config.brokers[config.announcements.broker]) {
    issues.push({
      path: "announcements.broker",
      message: `expected a name under warren:brokers, got "${config.announcements.broker}"`,
    });
  }
  issues.push(...besideIssues(config));
  return issues;
}

/** Two clusters that share a virtual IP must look the same to clients, whichever of them holds it. */
function besideIssues({ announcements, brokers, virtualIps, secrets }: StackConfig): ConfigIssue[] {
  const { beside } = announcements;
  if (beside === undefined) return [];
  const path = "announcements.beside";
  const [own, other] = [brokers[announcements.broker], brokers[beside]];
  if (!own || !other || own === other) {
    return [{ path, message: `expected the name of another cluster under warren:brokers, got "${beside}"` }];
  }
  const issues: ConfigIssue[] = [];
  const expect = (isGood: boolean, key: string, message: string): void => {
    if (!isGood) issues.push({ path: `brokers.${beside}.${key}`, message });
  };
  const { virtualIp } = own;
  expect(
    virtualIp !== undefined && other.virtualIp === virtualIp,
    "virtualIp",
    `expected that of ${announcements.broker}, because the address moves from one cluster to the other`,
  );
  for (const key of ["port", "tls", "tlsPort", "plainText"] as const) {
    expect(
      own[key] === other[key],
      key,
      `expected that of ${announcements.broker}, because clients use either cluster`,
    );
  }
  const priorities = (virtualIp === undefined ? undefined : virtualIps[virtualIp]?.priorities) ?? {};
  const lowest = Math.min(...own.members.map((host) => priorities[host] ?? 0));
  const highest = Math.max(...other.members.map((host) => priorities[host] ?? 0));
  if (virtualIp !== undefined && (lowest <= highest || other.members.some((host) => priorities[host] === undefined))) {
    const message = `expected each member of ${beside}, with a lower priority than every member of ${announcements.broker}`;
    issues.push({ path: `virtualIps.${virtualIp}.priorities`, message });
  }
  for (const name of [announcements.broker, beside]) {
    const given = Object.keys(secrets.passwords).filter((user) => user.endsWith(`@${name}`));
    for (const user of given) {
      const message = "expected the same password for both clusters, because clients log in to either";
      issues.push({ path: `secrets.passwords.${user}`, message });
    }
  }
  return issues;
}

export function virtualIpIssues(config: StackConfig): ConfigIssue[] {
  return Object.entries(config.virtualIps).flatMap(([name, { priorities, vrrp2, advertSeconds }]) => {
    const path = `virtualIps.${name}`;
    const expected = "expected whole seconds, because VRRP version 2 knows no others";
    return [
      ...(vrrp2 && !Number.isInteger(advertSeconds)
        ? [{ path: `${path}.advertSeconds`, message: `${expected}, got ${advertSeconds}` }]
        : []),
      ...Object.keys(priorities)
        .filter((host) => !config.hosts[host])
        .map((host) => unknownHost(`${path}.priorities`, host)),
    ];
  });
}
