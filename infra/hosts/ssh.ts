import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { execa, type Options } from "execa";
import { UserError } from "../../agents/lib/errors.ts";
import { printable } from "../../agents/lib/foreign.ts";
import { quote } from "../commands/command.ts";

/** How ssh connects to a host. */
export interface Connection {
  /** Arguments of ssh before the host: its configuration, which includes the known keys. */
  readonly options: readonly string[];
  /** A name in the configuration, or USER@ADDRESS. */
  readonly host: string;
  /** Login name. Any user but root needs sudo without a password. */
  readonly user: string;
}

/** Settings as ssh arguments. The user's own settings and this machine's list of host keys are ignored. */
export function sshOptions(settings: Readonly<Record<string, string>>): string[] {
  const all = { IdentitiesOnly: "yes", GlobalKnownHostsFile: "/dev/null", LogLevel: "ERROR", ...settings };
  return ["-F", "none", ...Object.entries(all).flatMap(([key, value]) => ["-o", `${key}=${value}`])];
}

/** Starts ssh. @param words joined by spaces for the host's shell; never secrets, because process lists show them */
export function startSsh<Given extends Options>({ options, host }: Connection, words: readonly string[], given: Given) {
  const child = execa("ssh", [...options, host, ...(words.length > 0 ? ["--", ...words] : [])], given);
  detach(child.nodeChildProcess);
  return child;
}

/** The process of a shared connection holds standard error until the command on the host ends; after ssh is killed, nothing waits for that. */
function detach<Ssh extends ChildProcess>(ssh: Ssh): Ssh {
  return ssh.once("exit", () => {
    if (ssh.killed) for (const stream of [ssh.stdout, ssh.stderr]) stream?.destroy();
  });
}

export const noSsh = (): UserError =>
  new UserError("ssh", "is not installed on this machine", "install the package openssh-client");

/** Runs a script from standard input as root. */
export const scriptAsRoot = (connection: Connection): string[] => asRoot(connection, "sh", "-s");

const asRoot = ({ user }: Connection, ...words: string[]) => (user === "root" ? words : ["sudo", "-n", ...words]);

export interface SshOptions {
  /** Standard input; none by default. */
  readonly input?: string | Uint8Array;
  /** Milliseconds until ssh is terminated. */
  readonly timeoutMs: number;
  /** Limit for each stream; ssh is terminated beyond it. */
  readonly bytesMax?: number;
  /** Terminates ssh. */
  readonly signal?: AbortSignal;
}

export interface SshResult {
  /** Of the command on the host, or ssh's own 255; undefined if ssh was terminated before it connected. */
  readonly exitCode: number | undefined;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** See `whyNoAnswer`. */
  readonly why: string;
}

const answerBytesMax = 100_000_000;

/**
 * Runs a command on a host and waits for its end. A dead or slow host is a result, not an error.
 * @throws UserError if ssh is not installed on this machine
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
  /** The reason if neither ssh nor the host has printed one. */
  readonly else?: string | undefined;
}

/** Why there is no complete answer: the last line of ssh or the host, else how ssh ended. */
export function whyNoAnswer({ timedOut, timeoutMs, stderr, exitCode, else: otherwise }: EndedSsh): string {
  if (timedOut) return `no answer within ${timeoutMs / 1000} s`;
  return lastLine(stderr) || otherwise || `incomplete answer (exit code ${exitCode})`;
}

/** Transfers bytes to and from a script, which runs as root: its standard input is `input`, its standard output `stdout`. The script is an argument. */
export const transfer = (connection: Connection, script: string, options: SshOptions): Promise<SshResult> =>
  runSsh(connection, asRoot(connection, "sh", "-c", quote(script)), { bytesMax: transferBytesMax, ...options });

/** Starts a script on a host as root, by standard input. A terminal's Ctrl-C doesn't reach ssh. @param timeoutMs until ssh gets SIGTERM */
export function startScript(connection: Connection, script: string, timeoutMs: number): ChildProcessWithoutNullStreams {
  const words = [...connection.options, connection.host, "--", ...scriptAsRoot(connection)];
  const ssh = spawn("ssh", words, { detached: true, timeout: timeoutMs });
  let bytes = 0;
  for (const stream of [ssh.stdout, ssh.stderr]) {
    stream.on("data", ({ length }: Buffer) => {
      bytes += length;
      // Another signal than at a timeout.
      if (bytes > answerBytesMax) ssh.kill("SIGKILL");
    });
  }
  // ssh that has exited reads no more; its exit code tells why.
  ssh.stdin.on("error", () => {}).end(script);
  return detach(ssh);
}

const transferBytesMax = 2 ** 31 - 1;

/** The last line of foreign output, printable. */
export const lastLine = (output: string): string => printable(output.trim().split("\n").at(-1) ?? "");
