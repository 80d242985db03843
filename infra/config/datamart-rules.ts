import type { ConfigIssue } from "../../agents/lib/errors.ts";
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
  const { warnAfterSeconds: warn, unbindAfterSeconds: unbind, deleteAfterSeconds: remove } = datamart.queueManager;
  if (warn > unbind || unbind > remove) {
    const message = `warnAfterSeconds <= unbindAfterSeconds <= deleteAfterSeconds is expected, got ${warn}, ${unbind}, ${remove}`;
    issues.push({ path: "datamart.queueManager", message });
  }
  return issues;
}

/** Who delivers says how, and has a key. */
function deliveryIssues({ hosts, datamart, secrets }: Pick<StackConfig, "hosts" | "datamart" | "secrets">) {
  const issues: ConfigIssue[] = [];
  const px = Object.entries(hosts).find(([, { roles }]) => roles.includes("px"))?.[0];
  if (px !== undefined && !datamart?.delivery) {
    const message = `where and how px delivers is expected, as ${px} has that role; it is missing`;
    issues.push({ path: "datamart.delivery", message });
  }
  const isKeyed = secrets.deliveryKey !== undefined;
  const path = "secrets.deliveryKey";
  if (datamart?.delivery && !isKeyed) issues.push({ path, message: missingSecret(path) });
  return issues;
}
