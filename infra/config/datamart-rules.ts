import type { ConfigIssue } from "../../agents/lib/errors.ts";
import { type DataServer, dataServers, deliveriesOf, deliversBy } from "./data-servers.ts";
import type { StackConfig } from "./schema.ts";
import { missingSecret } from "./secrets.ts";

const rolesOfDatamart = ["dd", "px", "client"] as const;

/** Each public data server has a broker of its own with one member; the roles of its path require a public data server. */
export function datamartIssues(config: StackConfig): ConfigIssue[] {
  const { hosts, brokers, secrets } = config;
  const servers = dataServers(config);
  if (servers.length === 0) {
    return Object.entries(hosts).flatMap(([name, { roles }]) =>
      rolesOfDatamart
        .filter((role) => roles.includes(role))
        .map((role) => ({
          path: `hosts.${name}.roles`,
          message: `expected warren:datamart or warren:datamarts for the role ${role}, but both are missing`,
        })),
    );
  }
  const issues = servers.flatMap((server) => serverIssues(config, server));
  if (issues.some(({ path }) => path.endsWith(".broker"))) return issues;
  const names = servers.map((server) => server.config.broker);
  for (const [name, { roles }] of Object.entries(hosts)) {
    if (!roles.includes("dd") || names.some((broker) => brokers[broker]?.members.includes(name))) continue;
    const message = `expected dd only on the member of ${names.join(" or ")}, got it on ${name}`;
    issues.push({ path: `hosts.${name}.roles`, message });
  }
  const px = Object.entries(hosts).find(([, { roles }]) => roles.includes("px"))?.[0];
  const deliveries = deliveriesOf(config);
  if (px !== undefined && deliveries.length === 0) {
    const message = `expected the delivery settings for px (${px} has this role), but they are missing`;
    issues.push({ path: `${servers[0]?.path}.delivery`, message });
  }
  const needed = [
    ...(deliversBy(deliveries, "sftp") ? (["deliveryKey"] as const) : []),
    ...(deliversBy(deliveries, "ftp") ? (["deliveryPassword"] as const) : []),
  ];
  for (const key of needed) {
    const path = `secrets.${key}`;
    if (secrets[key] === undefined) issues.push({ path, message: missingSecret(path) });
  }
  return [...issues, ...servers.flatMap(deliveryIssues), ...senderIssues(servers), ...clientIssues(config, servers)];
}

function serverIssues({ brokers, ...config }: StackConfig, { path, config: datamart }: DataServer): ConfigIssue[] {
  const broker = brokers[datamart.broker];
  if (!broker) {
    return [{ path: `${path}.broker`, message: `expected a name under warren:brokers, got "${datamart.broker}"` }];
  }
  const issues: ConfigIssue[] = [];
  const first = dataServers(config).find((server) => server.config.broker === datamart.broker);
  if (first && first.path !== path) {
    const message = `expected a broker of its own, got "${datamart.broker}", which is that of ${first.path}`;
    issues.push({ path: `${path}.broker`, message });
  }
  if (broker.members.length !== 1) {
    const message = `expected one host, the public data server, got ${broker.members.length}`;
    issues.push({ path: `brokers.${datamart.broker}.members`, message });
  }
  if (!datamart.formats.includes("exp")) {
    const message = `expected exp among them, because px announces URLs, got ${datamart.formats.join(", ")}`;
    issues.push({ path: `${path}.formats`, message });
  }
  const exchanges = new Set(broker.exchanges.map(({ name }) => name));
  for (const key of ["exchange", "publicExchange"] as const) {
    if (exchanges.has(datamart[key])) continue;
    const message = `expected an exchange of broker ${datamart.broker}, got "${datamart[key]}"`;
    issues.push({ path: `${path}.${key}`, message });
  }
  if (broker.exchanges.some(({ name, type }) => name === datamart.exchange && type === "headers")) {
    const message = `expected an exchange that routes by key (topic, direct, fanout), got ${datamart.exchange}, of type headers`;
    issues.push({ path: `${path}.exchange`, message });
  }
  return issues;
}

function deliveryIssues({ path, config: { delivery, notifyTopic } }: DataServer): ConfigIssue[] {
  if (!delivery) return [];
  const issues: ConfigIssue[] = [];
  if (deliversBy([delivery], "sftp") && delivery.publicKey === undefined) {
    const message = "expected the public half of warren:secrets.deliveryKey, for SFTP, but it is missing";
    issues.push({ path: `${path}.delivery.publicKey`, message });
  }
  const { from, to } = delivery.ftp.passivePorts;
  if (from > to) {
    const message = `expected from <= to, got ${from}, ${to}`;
    issues.push({ path: `${path}.delivery.ftp.passivePorts`, message });
  }
  const { exchangeKey } = delivery.notify;
  if (exchangeKey !== undefined && !`${exchangeKey}.`.startsWith(`${notifyTopic}.`)) {
    const message = `expected a routing key below ${path}.notifyTopic, ${notifyTopic}, which subscribers bind to, got ${exchangeKey}`;
    issues.push({ path: `${path}.delivery.notify.exchangeKey`, message });
  }
  return issues;
}

/** All senders run on each px host: every one has a name and a txq of its own, also among those of other public data servers. */
function senderIssues(servers: readonly DataServer[]): ConfigIssue[] {
  const delivering = servers.filter(({ config }) => config.delivery);
  const txqs = new Map<string, string>();
  const names = new Map<string, string>();
  const issues: ConfigIssue[] = [];
  const own = (owners: Map<string, string>, value: string, path: string, kind: string): void => {
    const owner = owners.get(value);
    owners.set(value, owner ?? path);
    if (owner === undefined) return;
    issues.push({ path, message: `expected a ${kind} of its own, got ${value}, which ${owner} uses` });
  };
  for (const { path, notifyDirectory } of delivering) {
    own(txqs, notifyDirectory, `${path}.delivery.notifyDirectory`, "txq");
  }
  for (const { path, config } of delivering) {
    for (const [name, { queueDirectory }] of Object.entries(config.delivery?.senders ?? {})) {
      own(txqs, queueDirectory, `${path}.delivery.senders.${name}.queueDirectory`, "txq");
      own(names, name, `${path}.delivery.senders.${name}`, "name");
    }
  }
  return issues;
}

/** A client host has one subscriber. */
function clientIssues({ hosts }: StackConfig, servers: readonly DataServer[]): ConfigIssue[] {
  const issues = servers.flatMap(({ path, config: { clients } }) =>
    (clients.hosts ?? []).flatMap((host, index) =>
      hosts[host]?.roles.includes("client")
        ? []
        : [{ path: `${path}.clients.hosts.${index}`, message: `expected a host with the role client, got "${host}"` }],
    ),
  );
  if (servers.length < 2) return issues;
  for (const [name, { roles }] of Object.entries(hosts)) {
    if (!roles.includes("client")) continue;
    const count = servers.filter(({ config }) => config.clients.hosts?.includes(name)).length;
    if (count === 1) continue;
    const message = `expected ${name} under clients.hosts of one public data server, got it under ${count}`;
    issues.push({ path: `hosts.${name}.roles`, message });
  }
  return issues;
}
