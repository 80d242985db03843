import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../../agents/lib/errors.ts";

/** What every runbook is told: which stack, and in which form it answers. */
export interface RunbookFlags {
  readonly stack?: string;
  readonly name?: string;
  readonly json?: true;
}

/** Exit code of a runbook that has found something; 0 is good, 1 could not be done. */
export const exitFindings = 2;

export function runbookOptions(command: Command): Command {
  return command
    .option("-s, --stack <stack>", "the stack: stacks/Pulumi.STACK.yaml is its config")
    .option("--name <lab>", "a lab of another name than its stack's")
    .option("--json", "the same as JSON");
}

/** The name that state and config are kept under: of a lab that has a name of its own, that name. @throws UserError */
export function stackOf({ name, stack }: RunbookFlags, verb: string): string {
  const found = name ?? stack;
  if (found !== undefined) return found;
  throw new UserError(verb, "which stack is not said", "add -s STACK, e.g. -s lab");
}

/** For commander. */
export function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 31_536_000) return value;
  throw new InvalidArgumentError("a number of seconds is expected.");
}

/** A repeatable option's words, also with commas between them. */
export const words = (text: string, before: readonly string[] = []): string[] => [...before, ...text.split(",")];

export const toJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
