import { createInterface } from "node:readline/promises";
import { UserError } from "../../agents/lib/errors.ts";

export interface Question {
  /** The verb that asks. */
  readonly verb: string;
  /** What is about to be done, e.g. `restart these`. */
  readonly text: string;
  readonly yes: boolean | undefined;
}

/** @throws UserError where somebody is to be asked, and there is no terminal for it: said before any work is done */
export function requireTerminal(verb: string, yes: boolean | undefined): void {
  if (yes || process.stdin.isTTY) return;
  throw new UserError(verb, "there is no terminal to ask on", "add --yes to go on without being asked");
}

/**
 * Asks on the terminal; only `y` and `yes` are a yes, and `--yes` has said it before.
 *
 * @throws UserError where there is no terminal, or the answer is another one: nothing has been done then
 */
export async function confirm({ verb, text, yes }: Question): Promise<void> {
  if (yes) return;
  requireTerminal(verb, yes);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${text}? [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new UserError(verb, "not confirmed; nothing was done");
}
