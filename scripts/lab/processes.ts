import { readFileSync } from "node:fs";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { isAlive } from "../../infra/process-stat.ts";
import { poll } from "../lib/poll.ts";

/** The signal for "power off" to a systemd init: SIGRTMIN+4, where SIGRTMIN is 34 with glibc. */
export const powerOffSignal = 38;

async function pids(): Promise<number[]> {
  return (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
}

/**
 * The systemd-nspawn of the host whose disk is `root`, or the shell that is about to become it. Found by its exact
 * argument, so also after a crash.
 */
export const supervisors = (root: string): Promise<number[]> =>
  supervisorsOf((argument) => argument === `--directory=${root}`);

/** Those of all hosts whose disks are below a folder. */
export const supervisorsBelow = (folder: string): Promise<number[]> =>
  supervisorsOf((argument) => argument.startsWith(`--directory=${folder}/`));

/** Processes whose program is below a folder. */
export async function programsBelow(folder: string): Promise<number[]> {
  const found = await Promise.all(
    (await pids()).map(async (pid) => {
      const program = await readlink(`/proc/${pid}/exe`).catch(() => "");
      return program.startsWith(`${folder}/`) ? [pid] : [];
    }),
  );
  return found.flat();
}

async function supervisorsOf(isWanted: (argument: string) => boolean): Promise<number[]> {
  const found = await Promise.all(
    (await pids()).map(async (pid) => {
      const argv = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      const isSupervisor = argv.includes("systemd-nspawn") && argv.some(isWanted);
      return isSupervisor && isAlive(pid) ? [pid] : [];
    }),
  );
  return found.flat();
}

/** All processes in a network namespace, hence of one host, as each host has its own. */
export async function processesIn(namespace: string): Promise<number[]> {
  // The namespace's file is a mount of nsfs: its inode is the number that /proc shows.
  const file = await stat(`/run/netns/${namespace}`).catch(() => undefined);
  if (!file) return [];
  const wanted = `net:[${file.ino}]`;
  const found = await Promise.all(
    (await pids()).map(async (pid) => {
      const namespaceLink = await readlink(`/proc/${pid}/ns/net`).catch(() => "");
      return namespaceLink === wanted && isAlive(pid) ? [pid] : [];
    }),
  );
  return found.flat();
}

/** Whether a supervisor is the shell that restarts the host when it reboots. */
export function isShell(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== "systemd-nspawn";
  } catch {
    return false;
  }
}

/** The host's own init: the process below its supervisor that is process 1 inside. */
export async function initOf(supervisor: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${supervisor}/task/${supervisor}/children`, "utf8").catch(() => "");
  for (const child of children.trim().split(" ").filter(Boolean).map(Number)) {
    const status = await readFile(`/proc/${child}/status`, "utf8").catch(() => "");
    if (/^NSpid:.*\t1$/m.test(status)) return child;
    const below = /^Name:\tsystemd-nspawn$/m.test(status) ? await initOf(child) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}

/** Signals a process by its id. A process that has just exited is not an error. */
export function signal(pid: number, name: NodeJS.Signals | number): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Waits until all have exited. False if some are still running after the time. */
export async function ended(all: readonly number[], withinMs: number): Promise<boolean> {
  return (await poll(() => all.every((pid) => !isAlive(pid)), { everyMs: 10, withinMs })) === true;
}
