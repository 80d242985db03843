import type { ConfigIssue } from "../../agents/lib/errors.ts";
import { type DeliveryConfig, deliversBy } from "./delivery.ts";
import type { StackConfig } from "./schema.ts";
import { missingSecret } from "./secrets.ts";

const rolesOfDatamart = ["dd", "px", "client"] as const;

/** The public data server has a broker of its own with one member; the roles of its path require `warren:datamart`. */
export function datamartIssues({ hosts, brokers, datamart, secrets }: StackConfig): ConfigIssue[] {
  if (!datamart) {
    return Object.entries(hosts).flatMap(([name, { roles }]) =>
      rolesOfDatamart
        .filter((role) => roles.includes(role))
        .map((role) => ({
          path: `hosts.${name}.roles`,
          message: `expected warren:datamart for the role ${role}, but it is missing`,
        })),
    );
  }
  const broker = brokers[datamart.broker];
  if (!broker) {
    const message = `expected a name under warren:brokers, got "${datamart.broker}"`;
    return [{ path: "datamart.broker", message }];
  }
  const issues: ConfigIssue[] = [];
  if (broker.members.length !== 1) {
    const path = `brokers.${datamart.broker}.members`;
    issues.push({ path, message: `expected one host, the public data server, got ${broker.members.length}` });
  }
  for (const [name, { roles }] of Object.entries(hosts)) {
    if (roles.includes("dd") && !broker.members.includes(name)) {
      const path = `hosts.${name}.roles`;
      issues.push({ path, message: `expected dd only on the member of ${datamart.broker}, got it on ${name}` });
    }
  }
  const exchanges = new Set(broker.exchanges.map(({ name }) => name));
  for (const key of ["exchange", "publicExchange"] as const) {
    if (exchanges.has(datamart[key])) continue;
    const path = `datamart.${key}`;
    issues.push({ path, message: `expected an exchange of broker ${datamart.broker}, got "${datamart[key]}"` });
  }
  if (broker.exchanges.some(({ name, type }) => name === datamart.exchange && type === "headers")) {
    const message = `expected an exchange that routes by key (topic, direct, fanout), got ${datamart.exchange}, of type headers`;
    issues.push({ path: "datamart.exchange", message });
  }
  issues.push(...deliveryIssues({ hosts, datamart, secrets }));
  return issues;
}

/** A px host needs delivery settings and login secrets, and no two senders read the same txq. */
function deliveryIssues({ hosts, datamart, secrets }: Pick<StackConfig, "hosts" | "datamart" | "secrets">) {
  const issues: ConfigIssue[] = [];
  const delivery = datamart?.delivery;
  const px = Object.entries(hosts).find(([, { roles }]) => roles.includes("px"))?.[0];
  if (px !== undefined && !delivery) {
    const message = `expected the delivery settings for px (${px} has this role), but they are missing`;
    issues.push({ path: "datamart.delivery", message });
  }
  if (!delivery) return issues;
  const needed = [
    ...(deliversBy(delivery, "sftp") ? (["deliveryKey"] as const) : []),
    ...(deliversBy(delivery, "ftp") ? (["deliveryPassword"] as const) : []),
  ];
  for (const key of needed) {
    const path = `secrets.${key}`;
    if (secrets[key] === undefined) issues.push({ path, message: missingSecret(path) });
  }
  if (deliversBy(delivery, "sftp") && delivery.publicKey === undefined) {
    const message = "expected the public half of warren:secrets.deliveryKey, for SFTP, but it is missing";
    issues.push({ path: "datamart.delivery.publicKey", message });
  }
  const { from, to } = delivery.ftp.passivePorts;
  if (from > to) {
    issues.push({ path: "datamart.delivery.ftp.passivePorts", message: `expected from <= to, got ${from}, ${to}` });
  }
  const { exchangeKey } = delivery.notify;
  if (exchangeKey !== undefined && !`${exchangeKey}.`.startsWith(`${datamart.notifyTopic}.`)) {
    const message = `expected a routing key below datamart.notifyTopic, ${datamart.notifyTopic}, which subscribers bind to, got ${exchangeKey}`;
    issues.push({ path: "datamart.delivery.notify.exchangeKey", message });
  }
  return [...issues, ...queueIssues(delivery)];
}

function queueIssues({ senders, notifyDirectory }: DeliveryConfig): ConfigIssue[] {
  const owners = new Map([[notifyDirectory, "datamart.delivery.notifyDirectory"]]);
  return Object.entries(senders).flatMap(([name, { queueDirectory }]) => {
    const path = `datamart.delivery.senders.${name}.queueDirectory`;
    const owner = owners.get(queueDirectory);
    owners.set(queueDirectory, owner ?? path);
    if (owner === undefined) return [];
    return [{ path, message: `expected a txq of its own, got ${queueDirectory}, which ${owner} uses` }];
  });
}
