import type { Command } from "../../../infra/commands/command.ts";
import { type EndedAction, parseAction, tellingScript } from "../../../infra/hosts/act.ts";
import type { Reach } from "../../engine/reach.ts";

/**
 * Does on a host, as root, what takes a secret that nobody is to keep there. The secret stands in the script, which comes by standard input and which
 * nobody logs; `printf` is the shell's own, so that no process has it in its arguments.
 *
 * @param remove takes off the host what `command` has put there, whatever became of it
 * @returns undefined where the host gives no whole answer
 */
export async function doSecretly(
  reach: Reach,
  { host, command, remove, timeoutMs }: SecretAction,
): Promise<EndedAction | undefined> {
  const answer = await reach.ask(host, tellingScript(command, remove), parseAction, timeoutMs);
  return "exitCode" in answer ? answer : undefined;
}

export interface SecretAction {
  readonly host: string;
  readonly command: Command;
  readonly remove: Command;
  readonly timeoutMs: number;
}
