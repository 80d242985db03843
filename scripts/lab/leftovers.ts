import { readdir } from "node:fs/promises";
import { leftGroups, processesInGroups } from "./cgroup.ts";
import { tablesOf } from "./filters.ts";
import { mountsBelow } from "./mounts.ts";
import { hasForwardRules } from "./network.ts";
import { ended, processesIn, signal, supervisorsBelow } from "./processes.ts";
import type { LabRecord } from "./registry.ts";
import { attempt } from "./run.ts";
import { bridgeOf, namespaceOf, tableOf } from "./spec.ts";

interface Traces {
  readonly processes: readonly number[];
  readonly mounts: readonly string[];
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
}

/** Things with the lab's index in their name, or among its disks: found without knowing its hosts. */
async function findTraces(record: LabRecord): Promise<Traces> {
  const bridge = bridgeOf(record.index);
  const prefix = namespaceOf(record.index, "");
  const namespaces = (await readdir("/run/netns").catch(() => [])).filter((name) => name.startsWith(prefix));
  const links = (await readdir("/sys/class/net")).filter((name) => name === bridge || name.startsWith(`${bridge}h`));
  const processes = await Promise.all([
    supervisorsBelow(record.disks),
    processesInGroups(record.index),
    ...namespaces.map(processesIn),
  ]);
  return { processes: [...new Set(processes.flat())], mounts: await mountsBelow(record.disks), namespaces, links };
}

/**
 * Removes things that the record doesn't name, e.g. hosts of a spec that was being replaced when warren was killed. For a lab
 * whose known hosts are already gone.
 */
export async function sweep(record: LabRecord): Promise<void> {
  const traces = await findTraces(record);
  for (const pid of traces.processes) signal(pid, "SIGKILL");
  await ended(traces.processes, 5_000);
  for (const point of [...traces.mounts].reverse()) await attempt(["umount", point]);
  for (const name of traces.links) await attempt(["ip", "link", "delete", name]);
  for (const name of traces.namespaces) await attempt(["ip", "netns", "delete", name]);
}

/** All leftovers of a lab on this machine, each by a name that the user can inspect. */
export async function findLeftovers(record: LabRecord): Promise<string[]> {
  const traces = await findTraces(record);
  return [
    ...traces.processes.map((pid) => `process ${pid}`),
    ...traces.mounts.map((path) => `mount ${path}`),
    ...traces.namespaces.map((name) => `network namespace ${name}`),
    ...traces.links.map((name) => `network link ${name}`),
    ...(await leftGroups(record.index)).map((path) => `control group ${path}`),
    ...(await tablesOf(record.index)).map(([family, name]) => `nft table ${family} ${name}`),
    ...((await hasForwardRules(record.index)) ? [`iptables rules ${tableOf(record.index)}`] : []),
  ];
}
