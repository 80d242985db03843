import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { makeGroups, removeGroups } from "./cgroup.ts";
import { isThere } from "./files.ts";
import { hostKeyPath, userKeyPath } from "./keys.ts";
import { isMounted } from "./mounts.ts";
import { outerMtu, plugIn, unplug } from "./network.ts";
import { linkPackages } from "./package-cache.ts";
import { controlPath, type Disk, diskOf, labDirectory } from "./paths.ts";
import { ended, initOf, isAlive, processesIn, signal, supervisors } from "./processes.ts";
import type { LabRecord } from "./registry.ts";
import { attempt, poll, run } from "./run.ts";
import { type LabHost, namespaceOf } from "./spec.ts";

const bootWithinMs = 60_000;
const endWithinMs = 10_000;

export const consolePath = (name: string, host: string): string => join(labDirectory(name), "console", `${host}.log`);

/** A new disk: the base image below, nothing of its own yet but what tells this host from others. */
export async function installHost(
  record: LabRecord,
  host: LabHost,
  image: string,
  resolvers: readonly string[],
): Promise<void> {
  const disk = diskOf(record.disks, host.name);
  await Promise.all([disk.upper, disk.work, disk.root].map((path) => mkdir(path, { recursive: true, mode: 0o755 })));
  await linkPackages(host.release, disk);
  await mountDisk(disk, image);
  const file = (path: string, text: string, mode = 0o644) => writeFile(join(disk.root, path), text, { mode });
  const authorized = await readFile(`${userKeyPath(record.name)}.pub`, "utf8");
  await Promise.all([
    file("etc/hostname", `${host.name}\n`),
    // With a static address the installer writes the address, not 127.0.1.1.
    file("etc/hosts", `127.0.0.1 localhost\n${host.address} ${host.name}\n`),
    file("etc/resolv.conf", resolvers.map((server) => `nameserver ${server}\n`).join("")),
    file("etc/machine-id", `${randomBytes(16).toString("hex")}\n`, 0o444),
    copyFile(`${hostKeyPath(record.name, host.name)}.pub`, join(disk.root, "etc/ssh/ssh_host_ed25519_key.pub")),
    copyFile(hostKeyPath(record.name, host.name), join(disk.root, "etc/ssh/ssh_host_ed25519_key")),
    authorize(join(disk.root, "root"), authorized, 0),
    authorize(join(disk.root, "home/ops"), authorized, 1000),
  ]);
  await chmod(join(disk.root, "etc/ssh/ssh_host_ed25519_key"), 0o600);
}

async function mountDisk(disk: Disk, image: string): Promise<void> {
  const options = `lowerdir=${image},upperdir=${disk.upper},workdir=${disk.work}`;
  await run(["mount", "-t", "overlay", "-o", options, "warren-lab", disk.root]);
}

async function authorize(home: string, key: string, owner: number): Promise<void> {
  const folder = join(home, ".ssh");
  await mkdir(folder, { mode: 0o700, recursive: true });
  await writeFile(join(folder, "authorized_keys"), key, { mode: 0o600 });
  await Promise.all([folder, join(folder, "authorized_keys")].map((path) => chown(path, owner, owner)));
}

/** Switches a host on: a cable, a supervisor that outlives this process, and waits until the host answers ssh. */
export async function bootHost(record: LabRecord, host: LabHost, abort?: AbortSignal): Promise<void> {
  // A host that switched itself off has left its network behind.
  await unplug(record.index, host);
  await plugIn(record.index, host, await outerMtu());
  const { root } = diskOf(record.disks, host.name);
  await mkdir(join(labDirectory(record.name), "console"), { recursive: true });
  const log = openSync(consolePath(record.name, host.name), "a");
  const groups = await makeGroups(record.index, host.name);
  const [program, ...rest] = inGroups(groups, supervisorCommand(record.index, host, root));
  const child = spawn(program, rest, {
    detached: true,
    stdio: ["ignore", log, log],
    // A host may set the parameters of its own network, as any host may.
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network" },
  });
  closeSync(log);
  child.unref();
  const failed = new Promise<never>((_, reject) => child.once("error", reject));
  await Promise.race([failed, untilReady(record, host, child.pid ?? 0, abort)]);
}

/** Starts a program inside control groups: a shell enters them and becomes the program. */
export function inGroups(entries: readonly string[], argv: readonly string[]): [string, ...string[]] {
  const enter = entries.map((_, position) => `echo $$ > "$${position + 1}" && `).join("");
  return ["/bin/sh", "-c", `${enter}shift ${entries.length} && exec "$@"`, "sh", ...entries, ...argv];
}

/** Without CAP_NET_ADMIN a host can't take over a virtual IP, nor filter its traffic. */
export function supervisorCommand(index: number, host: LabHost, root: string): [string, ...string[]] {
  return [
    "systemd-nspawn",
    "--quiet",
    `--directory=${root}`,
    `--network-namespace-path=/run/netns/${namespaceOf(index, host.name)}`,
    `--machine=${host.name}`,
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

async function untilReady(record: LabRecord, host: LabHost, pid: number, abort?: AbortSignal): Promise<void> {
  const ready = await poll(
    async () => {
      if (!isAlive(pid)) return "ended" as const;
      return (await stateOf(pid, host)) === "running" && ("running" as const);
    },
    { everyMs: 40, withinMs: bootWithinMs, signal: abort },
  );
  if (ready === "running") return;
  const told = (await readFile(consolePath(record.name, host.name), "utf8").catch(() => ""))
    .trim()
    .split("\n")
    .slice(-5);
  throw new UserError(
    `host ${host.name}`,
    `${ready === "ended" ? "did not start" : `did not answer ssh within ${bootWithinMs / 1000} s`}:\n  ${told.join("\n  ")}`,
    `its console: ${consolePath(record.name, host.name)}`,
  );
}

/** Whether a host has been switched on; it may still be booting. */
export async function isOn(record: LabRecord, host: LabHost): Promise<boolean> {
  return (await supervisors(diskOf(record.disks, host.name).root)).length > 0;
}

export type HostState = "off" | "booting" | "running" | "unreachable";

/** What a host is at this moment. `unreachable`: its processes run, but nothing answers at its address. */
export async function stateOf(supervisor: number | undefined, host: LabHost): Promise<HostState> {
  if (supervisor === undefined) return "off";
  const init = await initOf(supervisor);
  if (init === undefined) return "booting";
  // Until its services are up, a host lets nobody but root in.
  const closed = await isThere(`/proc/${init}/root/run/nologin`);
  const answers = await sshAnswers(host.address, 500);
  if (answers) return closed ? "booting" : "running";
  const settled = await isThere(`/proc/${init}/root/run/sshd.pid`);
  return settled ? "unreachable" : "booting";
}

/** Whether an ssh server greets at an address. */
function sshAnswers(address: string, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(withinMs, () => end(false));
    socket.once("data", (greeting) => end(greeting.toString().startsWith("SSH-")));
    socket.once("error", () => end(false)).once("close", () => end(false));
  });
}

/** Power off at once, as when the plug is pulled: every process of the host ends, its disk stays as it is. */
export async function killHost(record: LabRecord, host: LabHost): Promise<void> {
  await closeConnection(record, host);
  await endProcesses(record, host);
  await Promise.all([unplug(record.index, host), removeGroups(record.index, host.name)]);
}

/** Ends the ssh connection that calls to this host share: nobody answers at its other end any more. */
async function closeConnection(record: LabRecord, host: LabHost): Promise<void> {
  const path = controlPath(record.index, host.name);
  if (!(await isThere(path))) return;
  await attempt(["ssh", "-F", "none", "-o", `ControlPath=${path}`, "-O", "exit", host.address]);
  await rm(path, { force: true });
}

/**
 * Ends what belongs to a host, by id. Its init goes first: the kernel then ends all that runs inside. The supervisor
 * follows by itself, and is ended where it doesn't. Only then is there anything else to look for.
 */
export async function endProcesses(record: LabRecord, host: LabHost): Promise<void> {
  const { root } = diskOf(record.disks, host.name);
  const watchers = await supervisors(root);
  const inits = (await Promise.all(watchers.map(initOf))).filter((pid) => pid !== undefined);
  for (const pid of inits) signal(pid, "SIGKILL");
  if (!(await ended(watchers, inits.length > 0 ? 3_000 : 0))) for (const pid of watchers) signal(pid, "SIGKILL");
  const inside = await processesIn(namespaceOf(record.index, host.name));
  for (const pid of inside) signal(pid, "SIGKILL");
  if (await ended([...watchers, ...inits, ...inside], endWithinMs)) return;
  throw new UserError(`host ${host.name}`, "has processes that don't end", "./warren lab down");
}

/** Takes a host away for good, disk and all. Whatever of it was never made is no error. */
export async function removeHost(record: LabRecord, host: LabHost): Promise<void> {
  await killHost(record, host);
  const { root } = diskOf(record.disks, host.name);
  // More than one mount lies there only after a crash between mounting and noting it.
  while (await isMounted(root)) await run(["umount", root]);
  await rm(join(record.disks, host.name), { recursive: true, force: true });
}

export const diskIsMounted = (record: LabRecord, host: LabHost): Promise<boolean> =>
  isMounted(diskOf(record.disks, host.name).root);
