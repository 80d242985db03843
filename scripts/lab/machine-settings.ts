import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runDirectory } from "./paths.ts";

/**
 * Kernel settings that all hosts of this machine share, with the lowest value they need. File watches are counted per
 * user, and all hosts share one root: with the kernel's default of 128, the 25th systemd can't start.
 */
const needed: Readonly<Record<string, number>> = {
  "/proc/sys/net/ipv4/ip_forward": 1,
  "/proc/sys/fs/inotify/max_user_instances": 8192,
  "/proc/sys/fs/inotify/max_user_watches": 524288,
};

const beforePath = join(runDirectory, "settings-before");

/** Raises settings that are too low, and records their previous values. Callers hold the machine's lock. */
export async function raiseSettings(): Promise<void> {
  const before = await readBefore();
  for (const [path, least] of Object.entries(needed)) {
    const value = Number(await readFile(path, "utf8"));
    if (value >= least) continue;
    before[path] ??= value;
    await writeFile(beforePath, JSON.stringify(before));
    await writeFile(path, String(least));
  }
}

/** Restores what `raiseSettings` recorded, unless it was changed since. Callers hold the machine's lock. */
export async function restoreSettings(): Promise<void> {
  for (const [path, value] of Object.entries(await readBefore())) {
    if (Number(await readFile(path, "utf8")) === needed[path]) await writeFile(path, String(value));
  }
  await rm(beforePath, { force: true });
}

async function readBefore(): Promise<Record<string, number>> {
  return JSON.parse(await readFile(beforePath, "utf8").catch(() => "{}")) as Record<string, number>;
}
