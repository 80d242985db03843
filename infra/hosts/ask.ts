import { printable } from "../../agents/lib/foreign.ts";
import { type RefusedKey, refusedKey } from "./refused-key.ts";
import { type Connection, runSsh, type SshOptions, scriptAsRoot } from "./ssh.ts";

/** Why a host could not be asked. */
export interface Unreachable {
  readonly unreachable: string;
  /** Set if the host was refused because of its host key. */
  readonly refused?: RefusedKey;
}

/**
 * Runs a script on a host as root and parses its output. The script goes by standard input, so it may contain secrets. Its exit code is ignored.
 *
 * @param read returns undefined if the answer is incomplete
 * @returns the parsed answer, or why there is none
 * @throws UserError if ssh is not installed on this machine
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

/** An answer made safe to parse and show: a compromised host may print anything, including terminal control sequences. */
export const answerText = (stdout: string): string => printable(stdout.replaceAll("\r\n", "\n").replace(/\n$/, ""));
