import { createInterface } from "node:readline/promises";
import { UserError } from "../../agents/lib/errors.ts";
import { Interrupted } from "./interruption.ts";

export interface Question {
  /** The verb that asks. */
  readonly verb: string;
  /** The action to confirm, e.g. `restart these`. */
  readonly text: string;
  readonly yes: boolean | undefined;
}

/** @throws UserError where a question is needed and there is no terminal for it; called before any work is done */
export function requireTerminal(verb: string, yes: boolean | undefined): void {
  if (yes || process.stdin.isTTY) return;
  throw new UserError(verb, "there is no terminal to ask on", "add --yes to skip the question");
}

const refused = "not confirmed; nothing was changed";

/**
 * Asks on the terminal, unless `--yes` is given; only `y` and `yes` confirm. Not by zx's `question`, which never settles after Ctrl-C.
 *
 * @throws UserError without a terminal, or for any other answer; Interrupted for Ctrl-C. Nothing has been changed then
 */
export async function confirm({ verb, text, yes }: Question): Promise<void> {
  if (yes) return;
  requireTerminal(verb, yes);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${text}? [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } catch (error) {
    // Ctrl-C or Ctrl-D: during the question the terminal passes them as keys, not as signals.
    if ((error as Error).name !== "AbortError") throw error;
    process.stderr.write("\n");
    throw new Interrupted(verb, refused, undefined, { cause: error });
  } finally {
    terminal.close();
  }
  throw new UserError(verb, refused);
}
