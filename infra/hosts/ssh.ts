import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { execa, type Options } from "execa";
import { UserError } from "../../agents/lib/errors.ts";
import { printable } from "../../agents/lib/foreign.ts";
import { quote } from "../commands/command.ts";

/** A host as ssh reaches it. */
export interface Connection {
  /** Words of ssh's command line before the host: its configuration, and with it whose keys. */
  readonly options: readonly string[];
  /** A name in the configuration, or USER@ADDRESS. */
  readonly host: string;
  /** Who logs in. Anybody but root has a sudo that asks for no password. */
  readonly user: string;
}

/** Settings as words of ssh's command line. Neither the user's own settings nor this machine's list of host keys count beside them. */
export function sshOptions(settings: Readonly<Record<string, string>>): string[] {
  const all = { IdentitiesOnly: "yes", GlobalKnownHostsFile: "/dev/null", LogLevel: "ERROR", ...settings };
  return ["-F", "none", ...Object.entries(all).flatMap(([key, value]) => ["-o", `${key}=${value}`])];
}

/** Starts ssh. @param words what the host's shell gets, joined by spaces; no secret is among them, since lists of processes show them */
export function startSsh<Given extends Options>({ options, host }: Connection, words: readonly string[], given: Given) {
  const child = execa("ssh", [...options, host, ...(words.length > 0 ? ["--", ...words] : [])], given);
  letGo(child.nodeChildProcess);
  return child;
}

/** The process of a shared connection holds standard error until the command on the host ends: after an ssh that was ended nobody waits for that. */
function letGo<Ssh extends ChildProcess>(ssh: Ssh): Ssh {
  return ssh.once("exit", () => {
    if (ssh.killed) for (const stream of [ssh.stdout, ssh.stderr]) stream?.destroy();
  });
}

export const noSsh = (): UserError =>
  new UserError("ssh", "is not installed on this machine", "install the package openssh-client");

/** A script that comes by standard input, as root. */
export const scriptAsRoot = (connection: Connection): string[] => asRoot(connection, "sh", "-s");

const asRoot = ({ user }: Connection, ...words: string[]) => (user === "root" ? words : ["sudo", "-n", ...words]);

export interface SshOptions {
  /** Standard input; none by default. */
  readonly input?: string | Uint8Array;
  /** Milliseconds until ssh is ended. */
  readonly timeoutMs: number;
  /** Of each stream. An ssh that says more is ended. */
  readonly bytesMax?: number;
  /** Ends ssh. */
  readonly signal?: AbortSignal;
}

export interface SshResult {
  /** Of the command on the host, or ssh's own 255; undefined where ssh was ended before it had a connection. */
  readonly exitCode: number | undefined;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** See `whyNoAnswer`. */
  readonly why: string;
}

const answerBytesMax = 100_000_000;

/**
 * Runs something on a host and waits for its end. A host that is dead or slow is a result like another.
 * @throws UserError where this machine has no ssh
 */
export async function runSsh(
  connection: Connection,
  words: readonly string[],
  { input = "", timeoutMs, bytesMax = answerBytesMax, signal }: SshOptions,
): Promise<SshResult> {
  const result = await startSsh(connection, words, {
    ...{ input, timeout: timeoutMs, maxBuffer: bytesMax },
    ...(signal ? { cancelSignal: signal } : {}),
    reject: false,
    encoding: "buffer",
    stripFinalNewline: false,
  });
  if (result.code === "ENOENT") throw noSsh();
  const { exitCode, timedOut, shortMessage } = result;
  const stderr = Buffer.from(result.stderr).toString();
  const why = whyNoAnswer({ timedOut, timeoutMs, stderr, exitCode, else: shortMessage });
  return { exitCode, stdout: Buffer.from(result.stdout), stderr, why };
}

interface EndedSsh {
  readonly timedOut: boolean;
  readonly timeoutMs: number;
  readonly stderr: string;
  readonly exitCode: number | null | undefined;
  /** What is said where neither ssh nor the host has said anything. */
  readonly else?: string | undefined;
}

/** Why there is no whole answer, as a person may read it: ssh's or the host's last words, else what became of ssh. */
export function whyNoAnswer({ timedOut, timeoutMs, stderr, exitCode, else: otherwise }: EndedSsh): string {
  if (timedOut) return `no answer within ${timeoutMs / 1000} s`;
  return lastLine(stderr) || otherwise || `no whole answer (exit code ${exitCode})`;
}

/**
 * Bytes to a script and from it: as root, it reads `input` as its standard input, and its standard output is `stdout`. The script is an argument.
 */
export const transfer = (connection: Connection, script: string, options: SshOptions): Promise<SshResult> =>
  runSsh(connection, asRoot(connection, "sh", "-c", quote(script)), { bytesMax: transferBytesMax, ...options });

/** Starts a script on a host, as root; it comes by standard input. A terminal's Ctrl-C doesn't reach ssh. @param timeoutMs until ssh is ended by SIGTERM */
export function startScript(connection: Connection, script: string, timeoutMs: number): ChildProcessWithoutNullStreams {
  const words = [...connection.options, connection.host, "--", ...scriptAsRoot(connection)];
  const ssh = spawn("ssh", words, { detached: true, timeout: timeoutMs });
  let bytes = 0;
  for (const stream of [ssh.stdout, ssh.stderr]) {
    stream.on("data", ({ length }: Buffer) => {
      bytes += length;
      // By another signal than when the time is over.
      if (bytes > answerBytesMax) ssh.kill("SIGKILL");
    });
  }
  // An ssh that has ended reads no more; why it has is in its exit code.
  ssh.stdin.on("error", () => {}).end(script);
  return letGo(ssh);
}

const transferBytesMax = 2 ** 31 - 1;

/** Foreign words in one line. */
export const lastLine = (said: string): string => printable(said.trim().split("\n").at(-1) ?? "");
