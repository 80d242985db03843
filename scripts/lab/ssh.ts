import { readFile, rm } from "node:fs/promises";
import { UserError } from "../../agents/lib/errors.ts";
import { quote } from "../../infra/commands/command.ts";
import { type Connection, sshOptions, startSsh } from "../../infra/hosts/ssh.ts";
import { exists } from "../lib/files.ts";
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
  /** Login name; root by default. */
  readonly user?: string;
  /** False: a failing command is a result. By default it is an error. */
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

/** @param settings of ssh, beside those of all hosts of a lab */
function connectionTo(
  record: LabRecord,
  host: LabHost,
  user: string,
  settings: Readonly<Record<string, string>>,
): Connection {
  const options = sshOptions({
    IdentityFile: userKeyPath(record.name),
    UserKnownHostsFile: knownHostsPath(record.name),
    StrictHostKeyChecking: "yes",
    ControlPath: controlPath(record.index, host.name),
    ConnectTimeout: "5",
    ServerAliveInterval: "2",
    ServerAliveCountMax: "5",
    ...settings,
  });
  return { options, host: `${user}@${host.address}`, user };
}

/**
 * Runs a command on a host over ssh, with its arguments unchanged. Later calls share one connection per host, which
 * closes after five idle minutes, or with the host.
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
  // Another user's session can't share root's connection.
  const apart = user === "root" ? {} : { ControlPath: "none" };
  const child = startSsh(connectionTo(record, host, user, { ...apart, BatchMode: "yes" }), [command], {
    input: options.input ?? "",
    reject: false,
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  });
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
 * Opens the shared connection if there is none. It is a separate process that holds none of our pipes open, and writes its
 * messages to a file.
 */
async function shareConnection(record: LabRecord, host: LabHost): Promise<void> {
  const control = controlPath(record.index, host.name);
  if (await exists(control)) return;
  const log = `${control}.log`;
  await rm(log, { force: true });
  const root = connectionTo(record, host, "root", { ControlPersist: "300", BatchMode: "yes" });
  const master = { ...root, options: [...root.options, "-E", log, "-M", "-N", "-f"] };
  const { exitCode } = await startSsh(master, [], { stdio: "ignore", reject: false, detached: true });
  if (exitCode !== 0) throw unreachable(host, await readFile(log, "utf8").catch(() => ""));
}

function unreachable(host: LabHost, said: string): UserError {
  return new UserError(`host ${host.name}`, `ssh failed: ${said.trim()}`, "./warren lab status");
}

/** A shell on a host, or a command with this terminal, and its exit code. */
export async function hostShell(name: string, host: string, user: string, argv: readonly string[]): Promise<number> {
  const found = await needHost(name, host);
  const connection = connectionTo(found.record, found.host, user, { ControlPath: "none" });
  const { exitCode } = await startSsh(connection, argv.map(quote), { stdio: "inherit", reject: false });
  return exitCode ?? 255;
}
