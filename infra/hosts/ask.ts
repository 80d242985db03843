import { printable } from "../../agents/lib/foreign.ts";
import { type RefusedKey, refusedKey } from "./refused-key.ts";
import { type Connection, runSsh, type SshOptions, scriptAsRoot } from "./ssh.ts";

/** Why a host could not be asked. */
export interface Unreachable {
  readonly unreachable: string;
  /** It was refused for its host key. */
  readonly refused?: RefusedKey;
}

/**
 * Runs one script on one host as root and reads the answer. The script comes by standard input, so it may have secrets. What it ends with doesn't
 * count, only what it says.
 *
 * @param read gives undefined where the answer is not whole
 * @returns what was read, or why there is nothing to read
 * @throws UserError where this machine has no ssh
 */
export async function ask<Answer>(
  connection: Connection,
  script: string,
  read: (answer: string) => Answer | undefined,
  options: Pick<SshOptions, "timeoutMs">,
): Promise<Answer | Unreachable> {
  const { stdout, stderr, why } = await runSsh(connection, scriptAsRoot(connection), { ...options, input: script });
  const answer = read(answerText(stdout.toString()));
  if (answer) return answer;
  const refused = refusedKey(stderr);
  return { ...(refused ? { refused } : {}), unreachable: why };
}

/** An answer as it is read and shown: whoever has taken a host over may print anything, also what steers a terminal. */
export const answerText = (stdout: string): string => printable(stdout.replaceAll("\r\n", "\n").replace(/\n$/, ""));
