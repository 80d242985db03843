import { execa } from "execa";
import { UserError } from "../../agents/lib/errors.ts";
import { printable } from "../../agents/lib/foreign.ts";
import type { ConnectionModel } from "../model/types.ts";
import type { Unreachable } from "./observation.ts";
import { refusedKey } from "./refused-key.ts";

/** ssh's command line for a script that comes by standard input, and runs as root. */
export function askArguments({ host, user }: Pick<ConnectionModel, "host" | "user">, config: string): string[] {
  const shell = user === "root" ? ["sh", "-s"] : ["sudo", "-n", "sh", "-s"];
  return ["-F", config, host, "--", ...shell];
}

export interface AskOptions {
  /** Milliseconds for the whole answer. */
  readonly timeoutMs: number;
  /** Ends ssh. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs one script on one host and reads the answer. What the script ends with doesn't count, only what it says.
 *
 * @param config path of the ssh configuration, see `writeSshConfig`
 * @param read gives undefined where the answer is not whole
 * @returns what was read, or why there is nothing to read
 * @throws UserError where this machine has no ssh
 */
export async function askHost<Answer>(
  connection: Pick<ConnectionModel, "host" | "user">,
  config: string,
  script: string,
  read: (answer: string) => Answer | undefined,
  { timeoutMs, signal }: AskOptions,
): Promise<Answer | Unreachable> {
  const result = await execa("ssh", askArguments(connection, config), {
    input: script,
    reject: false,
    timeout: timeoutMs,
    ...(signal ? { cancelSignal: signal } : {}),
    // The shared connection's background process keeps standard error open; the answer ends with standard output.
    stderr: "pipe",
  });
  if (result.code === "ENOENT") {
    throw new UserError("ssh", "is not installed on this machine", "install the package openssh-client");
  }
  const answer = read(answerText(result.stdout));
  if (answer) return answer;
  const said = printable(result.stderr.trim().split("\n").at(-1) ?? "");
  const refused = refusedKey(result.stderr);
  return {
    ...(refused ? { refused } : {}),
    unreachable:
      (result.timedOut ? `no answer within ${timeoutMs / 1000} s` : said) ||
      result.shortMessage ||
      `no whole answer (exit code ${result.exitCode})`,
  };
}

/** An answer as it is read and shown: whoever has taken a host over may print anything, also what steers a terminal. */
export const answerText = (stdout: string): string => printable(stdout.replaceAll("\r\n", "\n"));
