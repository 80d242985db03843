import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { execa } from "execa";
import { UserError } from "../../agents/lib/errors.ts";
import { isThere } from "./files.ts";
import { knownHostsPath, userKeyPath } from "./keys.ts";
import { controlPath, diskOf } from "./paths.ts";
import { type LabRecord, needRecord } from "./registry.ts";
import type { LabHost } from "./spec.ts";

export interface HostResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HostExecOptions {
  readonly input?: string;
  /** Login name; root unless given. */
  readonly user?: string;
  /** False: a command that fails is a result like another. Otherwise it is an error. */
  readonly reject?: boolean;
  readonly timeoutMs?: number;
  /** Called with each line as it comes. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

/** Finds a host by its name in a lab that is up. */
export async function needHost(name: string, host: string): Promise<{ record: LabRecord; host: LabHost }> {
  const record = await needRecord(name);
  const found = record.hosts.find((other) => other.name === host || other.aliases?.includes(host));
  if (found) return { record, host: found };
  throw new UserError(
    host,
    `is not a host of lab ${name}`,
    `its hosts: ${record.hosts.map((other) => other.name).join(" ")}`,
  );
}

/** Path of a host's root directory as this machine sees it. */
export async function hostRoot(name: string, host: string): Promise<string> {
  const found = await needHost(name, host);
  return diskOf(found.record.disks, found.host.name).root;
}

/** Options that make ssh know the lab's hosts and nothing of the user's own settings. */
export function sshOptions(record: LabRecord, host: LabHost): string[] {
  const options = {
    IdentityFile: userKeyPath(record.name),
    IdentitiesOnly: "yes",
    UserKnownHostsFile: knownHostsPath(record.name),
    GlobalKnownHostsFile: "none",
    StrictHostKeyChecking: "yes",
    ControlPath: controlPath(record.index, host.name),
    ConnectTimeout: "5",
    ServerAliveInterval: "2",
    ServerAliveCountMax: "5",
    LogLevel: "ERROR",
  };
  return ["-F", "none", ...Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`])];
}

/**
 * Runs a command on a host over ssh, arguments passed as they are. One connection a host is opened and shared by later
 * calls; it ends after five idle minutes, or with the host.
 */
export async function hostExec(
  name: string,
  host: string,
  argv: readonly string[],
  options: HostExecOptions = {},
): Promise<HostResult> {
  const found = await needHost(name, host);
  return execOn(found.record, found.host, argv, options);
}

export async function execOn(
  record: LabRecord,
  host: LabHost,
  argv: readonly string[],
  options: HostExecOptions = {},
): Promise<HostResult> {
  const user = options.user ?? "root";
  if (user === "root") await shareConnection(record, host);
  const command = argv.map(quote).join(" ");
  // Another user's session can't go through root's connection.
  const apart = user === "root" ? [] : ["-o", "ControlPath=none"];
  const child = execa(
    "ssh",
    [...apart, ...sshOptions(record, host), "-o", "BatchMode=yes", `${user}@${host.address}`, "--", command],
    {
      input: options.input ?? "",
      reject: false,
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    },
  );
  const { onLine } = options;
  if (onLine) {
    const follow = async (stream: "stdout" | "stderr") => {
      for await (const line of child.iterable({ from: stream })) onLine(String(line), stream);
    };
    await Promise.all([follow("stdout"), follow("stderr")]);
  }
  const result = await child;
  if (result.timedOut) {
    throw new UserError(`host ${host.name}`, `\`${command}\` took more than ${options.timeoutMs} ms`);
  }
  const answer = { exitCode: result.exitCode ?? 255, stdout: String(result.stdout), stderr: String(result.stderr) };
  if (answer.exitCode === 255) throw unreachable(host, answer.stderr);
  if (answer.exitCode !== 0 && options.reject !== false) {
    throw new UserError(`host ${host.name}`, `\`${command}\` ended with ${answer.exitCode}: ${answer.stderr.trim()}`);
  }
  return answer;
}

/**
 * Opens the shared connection where there is none. It is a process of its own that holds none of our pipes open; what it
 * has to say, it says in a file.
 */
async function shareConnection(record: LabRecord, host: LabHost): Promise<void> {
  const control = controlPath(record.index, host.name);
  if (await isThere(control)) return;
  const log = `${control}.log`;
  await rm(log, { force: true });
  const master = [
    "-E",
    log,
    "-M",
    "-N",
    "-f",
    "-o",
    "ControlPersist=300",
    "-o",
    "BatchMode=yes",
    `root@${host.address}`,
  ];
  const options = { stdio: "ignore", reject: false, detached: true } as const;
  const { exitCode } = await execa("ssh", [...sshOptions(record, host), ...master], options);
  if (exitCode !== 0) throw unreachable(host, await readFile(log, "utf8").catch(() => ""));
}

function unreachable(host: LabHost, said: string): UserError {
  return new UserError(`host ${host.name}`, `ssh failed: ${said.trim()}`, "./warren lab status");
}

/** Quotes one argument for the POSIX shell that sshd hands the command to. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A shell on a host, or a command with this terminal, and its exit code. */
export async function hostShell(name: string, host: string, user: string, argv: readonly string[]): Promise<number> {
  const found = await needHost(name, host);
  const options = ["-o", "ControlPath=none", ...sshOptions(found.record, found.host)];
  const command = argv.length > 0 ? ["--", argv.map(quote).join(" ")] : [];
  const child = spawn("ssh", [...options, `${user}@${found.host.address}`, ...command], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 255));
  });
}
