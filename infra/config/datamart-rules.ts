import type { ConfigIssue } from "../../agents/lib/errors.ts";
import { type DeliveryConfig, deliversBy } from "./delivery.ts";
import type { StackConfig } from "./schema.ts";
import { missingSecret } from "./secrets.ts";

const rolesOfDatamart = ["dd", "px", "client"] as const;

/** The public data server has a broker to itself, of one member, and hosts of its road need it. */
export function datamartIssues({ hosts, brokers, datamart, secrets }: StackConfig): ConfigIssue[] {
  if (!datamart) {
    return Object.entries(hosts).flatMap(([name, { roles }]) =>
      rolesOfDatamart
        .filter((role) => roles.includes(role))
        .map((role) => ({
          path: `hosts.${name}.roles`,
          message: `no ${role} is expected without warren:datamart, which says what it serves`,
        })),
    );
  }
  const broker = brokers[datamart.broker];
  if (!broker) {
    const message = `a name under warren:brokers is expected, got "${datamart.broker}"`;
    return [{ path: "datamart.broker", message }];
  }
  const issues: ConfigIssue[] = [];
  if (broker.members.length !== 1) {
    const path = `brokers.${datamart.broker}.members`;
    issues.push({ path, message: `one host is expected, the public data server; got ${broker.members.length}` });
  }
  for (const [name, { roles }] of Object.entries(hosts)) {
    if (roles.includes("dd") && !broker.members.includes(name)) {
      const path = `hosts.${name}.roles`;
      issues.push({ path, message: `dd is expected on the member of ${datamart.broker} alone, got it on ${name}` });
    }
  }
  const exchanges = new Set(broker.exchanges.map(({ name }) => name));
  for (const key of ["exchange", "publicExchange"] as const) {
    if (exchanges.has(datamart[key])) continue;
    const path = `datamart.${key}`;
    issues.push({ path, message: `an exchange of broker ${datamart.broker} is expected, got "${datamart[key]}"` });
  }
  issues.push(...deliveryIssues({ hosts, datamart, secrets }));
  return issues;
}

/** Who delivers says how, and can log in; no two senders empty one txq. */
function deliveryIssues({ hosts, datamart, secrets }: Pick<StackConfig, "hosts" | "datamart" | "secrets">) {
  const issues: ConfigIssue[] = [];
  const delivery = datamart?.delivery;
  const px = Object.entries(hosts).find(([, { roles }]) => roles.includes("px"))?.[0];
  if (px !== undefined && !delivery) {
    const message = `where and how px delivers is expected, as ${px} has that role; it is missing`;
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
    const message = "the public half of warren:secrets.deliveryKey is expected, for SFTP; it is missing";
    issues.push({ path: "datamart.delivery.publicKey", message });
  }
  const { from, to } = delivery.ftp.passivePorts;
  if (from > to) {
    issues.push({ path: "datamart.delivery.ftp.passivePorts", message: `from <= to is expected, got ${from}, ${to}` });
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
    return [{ path, message: `a txq of its own is expected, got ${queueDirectory}, which is ${owner}'s` }];
  });
}
