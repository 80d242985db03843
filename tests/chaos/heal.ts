import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { tablesOf } from "../../scripts/lab/filters.ts";
import { isOn } from "../../scripts/lab/host-state.ts";
import { bootHost, freeDisk, healNetwork, hostRoot } from "../../scripts/lab/index.ts";
import { needRecord } from "../../scripts/lab/registry.ts";
import { tableOf } from "../../scripts/lab/spec.ts";
import { exists } from "../../scripts/lib/files.ts";
import { listNames } from "../../scripts/traffic/receivers.ts";
import { isChaosFile } from "./products.ts";
import type { Scene } from "./scene.ts";
import { continueServices, releaseAddress, resetMemoryLimit, startServices } from "./strikes.ts";

/** A memory limit below this is a fault's: no real broker has so little. */
const memoryLimitLeast = 100_000_000;

/**
 * Heals all faults that a failed round or a killed run may have left, in any state. Healthy parts stay as they are.
 *
 * @returns descriptions of the healed faults
 */
export async function healAll(scene: Scene): Promise<string[]> {
  const { lab, members, ownDisks } = scene;
  const found: string[] = [];
  const record = await needRecord(lab);
  const filters = (await tablesOf(record.index)).filter(([, name]) => name !== tableOf(record.index));
  if (filters.length > 0) found.push(`packet filters: ${filters.map(([, name]) => name).join(", ")}`);
  await healNetwork(lab);
  for (const host of record.hosts) {
    if (await isOn(record, host)) continue;
    found.push(`${host.name} was off`);
    await bootHost(lab, host.name);
  }
  for (const host of ownDisks) {
    if (await exists(join(dirname(await hostRoot(lab, host)), "volume/fill"))) found.push(`${host}: disk full`);
    await freeDisk(lab, host);
  }
  await continueServices(scene, members);
  await startServices(scene, members);
  await releaseAddress(scene, members);
  for (const host of members) {
    const nodes = (await scene.management
      .get(host)
      ?.ask("nodes")
      .catch(() => [])) as { name: string; mem_limit?: number }[];
    const node = nodes.find(({ name }) => name === `rabbit@${host}`);
    if (node?.mem_limit === undefined || node.mem_limit >= memoryLimitLeast) continue;
    found.push(`${host}: a memory limit of ${node.mem_limit} bytes`);
    await resetMemoryLimit(scene, [host]);
  }
  return found;
}

/** Removes the files of killed runs from the receiver folders: nothing counts them any more. */
export async function removeLeftFiles({ folders }: Pick<Scene, "folders">): Promise<number> {
  const left = await listNames(folders, isChaosFile);
  for (const { path } of left) await rm(path, { force: true });
  return left.length;
}
