import { readdir } from "node:fs/promises";
import { leftGroups } from "./cgroup.ts";
import { tablesOf } from "./filters.ts";
import { mountsBelow } from "./mounts.ts";
import { hasForwardRules } from "./network.ts";
import { diskOf } from "./paths.ts";
import { processesIn, supervisors } from "./processes.ts";
import type { LabRecord } from "./registry.ts";
import { bridgeOf, namespaceOf, tableOf } from "./spec.ts";

/** Everything of a lab that the machine still has, each by a name with which a person can look at it. */
export async function findLeftovers(record: LabRecord): Promise<string[]> {
  const prefix = namespaceOf(record.index, "");
  const namespaces = (await readdir("/run/netns").catch(() => [])).filter((name) => name.startsWith(prefix));
  const bridge = bridgeOf(record.index);
  const links = (await readdir("/sys/class/net")).filter((name) => name === bridge || name.startsWith(`${bridge}h`));
  const processes = await Promise.all([
    ...namespaces.map(processesIn),
    ...record.hosts.map((host) => supervisors(diskOf(record.disks, host.name).root)),
  ]);
  return [
    ...processes.flat().map((pid) => `process ${pid}`),
    ...(await mountsBelow(record.disks)).map((path) => `mount ${path}`),
    ...(await leftGroups(record.index)).map((path) => `control group ${path}`),
    ...namespaces.map((name) => `network namespace ${name}`),
    ...links.map((name) => `network link ${name}`),
    ...(await tablesOf(record.index)).map(([family, name]) => `nft table ${family} ${name}`),
    ...((await hasForwardRules(record.index)) ? [`iptables rules ${tableOf(record.index)}`] : []),
  ];
}
