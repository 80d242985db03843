import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { isAlive } from "../../infra/process-stat.ts";
import { exists } from "../lib/files.ts";
import { poll } from "../lib/poll.ts";
import { makeGroups, processesInGroups, removeGroups } from "./cgroup.ts";
import { removeDisk } from "./disk.ts";
import { type HostState, stateOf } from "./host-state.ts";
import { outerMtu, plugIn, unplug } from "./network.ts";
import { controlPath, diskOf, labDirectory } from "./paths.ts";
import { ended, initOf, isShell, powerOffSignal, processesIn, signal, supervisors } from "./processes.ts";
import type { LabRecord } from "./registry.ts";
import { attempt } from "./run.ts";
import { type LabHost, namespaceOf } from "./spec.ts";

const bootWithinMs = 60_000;
const stopWithinMs = 90_000;
const endWithinMs = 10_000;

export const consolePath = (name: string, host: string): string => join(labDirectory(name), "console", `${host}.log`);

/** Starts a host: its cable and a supervisor that outlives this process. Waits until the host answers ssh. */
export async function bootHost(record: LabRecord, host: LabHost, abort?: AbortSignal): Promise<void> {
  // A host that shut itself down has left its network behind.
  await unplug(record.index, host);
  await plugIn(record.index, host, await outerMtu());
  const { root } = diskOf(record.disks, host.name);
  await mkdir(join(labDirectory(record.name), "console"), { recursive: true });
  const log = openSync(consolePath(record.name, host.name), "a");
  const groups = await makeGroups(record.index, host.name);
  const [program, ...rest] = untilPoweredOff(inGroups(groups, supervisorCommand(record.index, host, root)));
  const child = spawn(program, rest, {
    detached: true,
    stdio: ["ignore", log, log],
    // Lets the host set the parameters of its own network.
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network" },
  });
  closeSync(log);
  child.unref();
  const failed = new Promise<never>((_, reject) => child.once("error", reject));
  await Promise.race([failed, untilState(["running"], record, host, child.pid ?? 0, abort)]);
}

/**
 * Starts the supervisor again whenever the host reboots itself, which the supervisor reports with 133. The shell stays
 * outside the host's control groups, which belong to the host alone.
 */
export function untilPoweredOff(argv: readonly string[]): [string, ...string[]] {
  return ["/bin/sh", "-c", 'while "$@"; [ $? -eq 133 ]; do :; done', "sh", ...argv];
}

/** Starts a program inside control groups: a shell enters them and becomes the program. */
export function inGroups(entries: readonly string[], argv: readonly string[]): [string, ...string[]] {
  const enter = entries.map((_, position) => `echo $$ > "$${position + 1}" && `).join("");
  return ["/bin/sh", "-c", `${enter}shift ${entries.length} && exec "$@"`, "sh", ...entries, ...argv];
}

/** A host needs CAP_NET_ADMIN to take over a virtual IP and to filter its traffic. */
export function supervisorCommand(index: number, host: LabHost, root: string): [string, ...string[]] {
  return [
    "systemd-nspawn",
    "--quiet",
    `--directory=${root}`,
    `--network-namespace-path=/run/netns/${namespaceOf(index, host.name)}`,
    `--machine=${namespaceOf(index, host.name)}`,
    `--hostname=${host.name}`,
    "--capability=CAP_NET_ADMIN,CAP_NET_RAW",
    "--register=no",
    "--keep-unit",
    "--boot",
    "--resolv-conf=off",
    "--link-journal=no",
    "--timezone=off",
  ];
}

/** Waits for a host that is on but may still be booting. Does not wait for a host whose cable is cut. */
export async function untilBooted(record: LabRecord, host: LabHost, abort?: AbortSignal): Promise<void> {
  const [supervisor] = await supervisors(diskOf(record.disks, host.name).root);
  if (supervisor !== undefined) await untilState(["running", "unreachable"], record, host, supervisor, abort);
}

async function untilState(
  wanted: readonly HostState[],
  record: LabRecord,
  host: LabHost,
  supervisor: number,
  abort?: AbortSignal,
): Promise<void> {
  const reached = await poll(
    async () => {
      if (!isAlive(supervisor)) return "off";
      const state = await stateOf(supervisor, host);
      return wanted.includes(state) && state;
    },
    { everyMs: 40, withinMs: bootWithinMs, signal: abort },
  );
  if (reached !== undefined && reached !== "off") return;
  const told = (await readFile(consolePath(record.name, host.name), "utf8").catch(() => ""))
    .trim()
    .split("\n")
    .slice(-5);
  throw new UserError(
    `host ${host.name}`,
    `${reached === "off" ? "did not start" : `did not answer ssh within ${bootWithinMs / 1000} s`}:\n  ${told.join("\n  ")}`,
    `its console: ${consolePath(record.name, host.name)}`,
  );
}

/** Powers a host off at once, like pulling the plug: all its processes end, its disk stays unchanged. */
export async function killHost(record: LabRecord, host: LabHost): Promise<void> {
  await closeConnection(record, host);
  await endProcesses(record, host);
  await Promise.all([unplug(record.index, host), removeGroups(record.index, host.name)]);
}

/** A clean shutdown, like `poweroff` on the host itself. */
export async function stopHost(record: LabRecord, host: LabHost): Promise<void> {
  const watchers = await supervisors(diskOf(record.disks, host.name).root);
  const [init] = (await Promise.all(watchers.map(initOf))).filter((pid) => pid !== undefined);
  if (init !== undefined) signal(init, powerOffSignal);
  if (!(await ended(watchers, stopWithinMs))) {
    throw new UserError(
      `host ${host.name}`,
      `did not shut down within ${stopWithinMs / 1000} s`,
      `./warren lab kill ${host.name}`,
    );
  }
  await killHost(record, host);
}

/** Closes the shared ssh connection to a host that no longer answers. */
async function closeConnection(record: LabRecord, host: LabHost): Promise<void> {
  const path = controlPath(record.index, host.name);
  if (!(await exists(path))) return;
  await attempt(["ssh", "-F", "none", "-o", `ControlPath=${path}`, "-O", "exit", host.address]);
  await rm(path, { force: true });
}

/**
 * Ends the processes of a host, by id. First the supervisor that would start it again, then its init: the kernel then ends all that
 * runs inside, and the supervisor follows by itself, or is ended where it doesn't. Only then is there anything else to
 * look for.
 */
export async function endProcesses(record: LabRecord, host: LabHost): Promise<void> {
  const { root } = diskOf(record.disks, host.name);
  const watchers = await supervisors(root);
  for (const pid of watchers) if (isShell(pid)) signal(pid, "SIGKILL");
  const inits = (await Promise.all(watchers.map(initOf))).filter((pid) => pid !== undefined);
  for (const pid of inits) signal(pid, "SIGKILL");
  if (!(await ended(watchers, inits.length > 0 ? 3_000 : 0))) for (const pid of watchers) signal(pid, "SIGKILL");
  // A supervisor that was killed while starting the host leaves an orphaned init that may still start processes.
  const isEmpty = async () => {
    const namespace = namespaceOf(record.index, host.name);
    const inside = [...(await processesIn(namespace)), ...(await processesInGroups(record.index, host.name))];
    const alive = [...watchers, ...inside].filter(isAlive);
    for (const pid of alive) signal(pid, "SIGKILL");
    return alive.length === 0;
  };
  if (await poll(isEmpty, { everyMs: 10, withinMs: endWithinMs })) return;
  throw new UserError(`host ${host.name}`, "has processes that don't end", "./warren lab down");
}

/** Removes a host for good, with its disk. Missing parts are not an error. */
export async function removeHost(record: LabRecord, host: LabHost): Promise<void> {
  await killHost(record, host);
  await removeDisk(record, host);
}
