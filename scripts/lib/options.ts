import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../../agents/lib/errors.ts";

/** Flags of every runbook: the stack, and the form of its output. */
export interface RunbookFlags {
  readonly stack?: string;
  readonly name?: string;
  readonly json?: true;
}

/** The flag of verbs that may be the first to send something to a host. */
export const acceptNewHostsOption = [
  "--accept-new-hosts",
  "accept host keys that nobody has confirmed, without asking",
] as const;

/** Exit code of a runbook with findings; 0 is success, 1 failure. */
export const exitFindings = 2;

export function runbookOptions(command: Command): Command {
  return command
    .option("-s, --stack <stack>", "the stack: stacks/Pulumi.STACK.yaml is its config")
    .option("--name <lab>", "a lab with another name than its stack's")
    .option("--json", "print JSON");
}

/** The name of state and config: for a lab with its own name, that name. @throws UserError */
export function stackOf({ name, stack }: RunbookFlags, verb: string): string {
  const found = name ?? stack;
  if (found !== undefined) return found;
  throw new UserError(verb, "no stack given", "add -s STACK, e.g. -s lab");
}

/** Parser for commander: a whole number between these, both included. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}.`);
  };
}

/** Parser for commander: a TCP port. */
export const port = wholeNumber(1, 65_535);

/** Parser for commander: the name of a new stack. */
export function stackName(text: string): string {
  if (/^[a-z][a-z0-9-]{0,62}$/.test(text)) return text;
  throw new InvalidArgumentError("lower-case letters, digits and hyphens are expected.");
}

/** For commander. */
export function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 31_536_000) return value;
  throw new InvalidArgumentError("a number of seconds is expected.");
}

/** The values of a repeatable option, which may also be separated by commas. */
export const words = (text: string, before: readonly string[] = []): string[] => [...before, ...text.split(",")];

export const toJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
