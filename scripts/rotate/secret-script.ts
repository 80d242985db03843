import { type Command, quote, render } from "../../infra/commands/command.ts";
import { section } from "../../infra/commands/sections.ts";
import { type EndedAction, parseAction } from "../lib/host-action.ts";
import type { Reach } from "../runbook/reach.ts";

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
  const script = [
    "export LC_ALL=C",
    `{ ${render(command)}; } </dev/null 2>&1`,
    "status=$?",
    render(remove),
    `echo; echo ${quote(section("exit"))}`,
    "echo $status",
    "",
  ].join("\n");
  const answer = await reach.ask(host, script, parseAction, timeoutMs);
  return "exitCode" in answer ? answer : undefined;
}

export interface SecretAction {
  readonly host: string;
  readonly command: Command;
  readonly remove: Command;
  readonly timeoutMs: number;
}
