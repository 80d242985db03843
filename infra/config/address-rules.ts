import type { ConfigIssue } from "../../agents/lib/errors.ts";
import { fullNameOf, namesOf } from "./full-names.ts";
import type { StackConfig } from "./schema.ts";

/** Every address belongs to one host or virtual IP. */
export function addressIssues(config: StackConfig): ConfigIssue[] {
  const owners = new Map<string, string>();
  const issues: ConfigIssue[] = [];
  const addresses = [
    ...Object.entries(config.hosts).map(([name, host]) => [`hosts.${name}.address`, host.address] as const),
    ...Object.entries(config.virtualIps).map(([name, vip]) => [`virtualIps.${name}.address`, vip.address] as const),
  ];
  for (const [path, address] of addresses) {
    const owner = owners.get(address);
    if (owner)
      issues.push({ path, message: `expected an address of its own, got ${address}, which is that of ${owner}` });
    else owners.set(address, path);
  }
  return issues;
}

/** Every name leads to one address. */
export function nameIssues(config: StackConfig): ConfigIssue[] {
  const owners = new Map<string, string>();
  return (["hosts", "virtualIps"] as const).flatMap((section) =>
    Object.keys(config[section]).flatMap((name) =>
      namesOf(config, name).flatMap((one) => {
        const owner = owners.get(one);
        owners.set(one, owner ?? `${section}.${name}`);
        if (owner === undefined) return [];
        const isAlias = one !== name && one !== fullNameOf(config, name);
        const path = one === name ? `${section}.${name}` : `${section}.${name}.${isAlias ? "aliases" : "fqdn"}`;
        return [{ path, message: `expected a name of its own, got ${one}, which is that of ${owner}` }];
      }),
    ),
  );
}
