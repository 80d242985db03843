import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../lib/files.ts";
import { poll } from "../lib/poll.ts";

/**
 * Each host needs its own control group. Its systemd tracks services by the groups below, and two hosts
 * that share one would see, and wait for, each other's services. The groups are at the top, beside the machine's own.
 */
const folder = "warren-lab";

/** Mount points of the hierarchies in which systemd tracks processes: version 2, and the named one of version 1. */
export function trackingHierarchies(mounts: string): string[] {
  return mounts.split("\n").flatMap((line) => {
    const [, path, type, options] = line.split(" ");
    const tracks = type === "cgroup2" || (type === "cgroup" && options?.split(",").includes("name=systemd"));
    return path && tracks ? [path] : [];
  });
}

async function groups(...names: string[]): Promise<string[]> {
  const mounts = await readFile("/proc/self/mounts", "utf8");
  return trackingHierarchies(mounts).map((mount) => join(mount, folder, ...names));
}

/** Makes a host's groups and returns the files through which a process enters them. */
export async function makeGroups(index: number, host: string): Promise<string[]> {
  const made = await groups(String(index), host);
  for (const group of made) {
    await mkdir(group, { recursive: true });
    // So that limits in units work as on a real host, unless the machine does not delegate a controller.
    for (const level of [join(group, "../../.."), join(group, "../.."), join(group, "..")])
      await passControllers(level);
  }
  return made.map((group) => join(group, "cgroup.procs"));
}

async function passControllers(group: string): Promise<void> {
  const controllers = (await readFile(join(group, "cgroup.controllers"), "utf8").catch(() => "")).trim();
  for (const controller of controllers.split(" ").filter(Boolean)) {
    await writeFile(join(group, "cgroup.subtree_control"), `+${controller}`).catch(() => {});
  }
}

/** Removes the groups of a host, or of a lab. The kernel needs a moment after the last process has exited. */
export async function removeGroups(index: number, host?: string): Promise<void> {
  for (const group of await groups(String(index), ...(host === undefined ? [] : [host]))) {
    await poll(() => removeTree(group), { everyMs: 20, withinMs: 3_000 });
    // Succeeds for the last lab only: with others the folder is not empty.
    if (host === undefined) await rmdir(join(group, "..")).catch(() => {});
  }
}

/** All processes in the groups of a host, or of a lab, including those that entered no namespace yet. */
export async function processesInGroups(index: number, host?: string): Promise<number[]> {
  const found = await groups(String(index), ...(host === undefined ? [] : [host]));
  return [...new Set((await Promise.all(found.map(membersBelow))).flat())];
}

async function membersBelow(group: string): Promise<number[]> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => []);
  const own = await readFile(join(group, "cgroup.procs"), "utf8").catch(() => "");
  const below = entries.filter((entry) => entry.isDirectory()).map((entry) => membersBelow(join(group, entry.name)));
  return [...own.split("\n").filter(Boolean).map(Number), ...(await Promise.all(below)).flat()];
}

/** Groups of a lab that still exist. */
export async function leftGroups(index: number): Promise<string[]> {
  const found = await Promise.all(
    (await groups(String(index))).map(async (group) => ((await exists(group)) ? [group] : [])),
  );
  return found.flat();
}

/** Removes directories only, from the leaves up: the files in them belong to the kernel. */
async function removeTree(group: string): Promise<boolean> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return true;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(group, entry.name));
  return rmdir(group).then(
    () => true,
    () => false,
  );
}
