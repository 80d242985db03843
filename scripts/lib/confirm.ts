import { createInterface } from "node:readline/promises";
import { UserError } from "../../agents/lib/errors.ts";
import { Interrupted } from "./interruption.ts";

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

const refused = "not confirmed; nothing was done";

/**
 * Asks on the terminal; only `y` and `yes` are a yes, and `--yes` has said it before. Not by zx's `question`, which never settles at a Ctrl-C.
 *
 * @throws UserError where there is no terminal, or the answer is another one, Interrupted where it is Ctrl-C: nothing has been done then
 */
export async function confirm({ verb, text, yes }: Question): Promise<void> {
  if (yes) return;
  requireTerminal(verb, yes);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${text}? [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } catch (error) {
    // Ctrl-C or Ctrl-D: the terminal passes keys on to the question and makes no signal of them.
    if ((error as Error).name !== "AbortError") throw error;
    process.stderr.write("\n");
    throw new Interrupted(verb, refused, undefined, { cause: error });
  } finally {
    terminal.close();
  }
  throw new UserError(verb, refused);
}
