import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { poll } from "../lib/poll.ts";
import { isThere } from "./files.ts";

/**
 * Every host needs a control group of its own: its systemd tells its services apart by the groups below, and two hosts
 * that share one would see, and wait for, each other's services. They lie at the top, beside the machine's own groups.
 */
const folder = "warren-lab";

/** Mount points of the hierarchies in which a systemd tracks its processes: version 2, and the named one of version 1. */
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

/** Makes a host's groups and gives the files through which a process enters them. */
export async function makeGroups(index: number, host: string): Promise<string[]> {
  const made = await groups(String(index), host);
  for (const group of made) {
    await mkdir(group, { recursive: true });
    // So that limits in units work as on a real host. Where the machine keeps a controller to itself, they don't.
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

/** Removes the groups of a host, or of a whole lab; the kernel needs a moment after the last process has ended. */
export async function removeGroups(index: number, host?: string): Promise<void> {
  for (const group of await groups(String(index), ...(host === undefined ? [] : [host]))) {
    await poll(() => removeTree(group), { everyMs: 20, withinMs: 3_000 });
    // The last lab takes the folder with it; with others it is not empty, and stays.
    if (host === undefined) await rmdir(join(group, "..")).catch(() => {});
  }
}

/** Every process in the groups of a host, or of a whole lab: what a supervisor has started, also what entered no namespace yet. */
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

/** Groups of a lab that are still there. */
export async function leftGroups(index: number): Promise<string[]> {
  const found = await Promise.all(
    (await groups(String(index))).map(async (group) => ((await isThere(group)) ? [group] : [])),
  );
  return found.flat();
}

/** Directories only, from the leaves up: the files in them are the kernel's. */
async function removeTree(group: string): Promise<boolean> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return true;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(group, entry.name));
  return rmdir(group).then(
    () => true,
    () => false,
  );
}
