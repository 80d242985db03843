import { type Command, InvalidArgumentError } from "commander";
import { readPulumi } from "../engine/engine.ts";
import { requireConfig } from "../engine/stack.ts";
import { type RunbookFlags, runbookOptions, stackOf, toJson } from "../lib/options.ts";
import { formatHistory, parseHistory } from "./history/history.ts";

interface Flags extends RunbookFlags {
  readonly last: number;
}

/** `./warren history -s STACK`: who applied what, when, with which result, by the engine's own history. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--last <number>", "so many runs, the newest first", count, 20)
    .addHelpText(
      "after",
      `
Runs of up, destroy and refresh as the stack's backend keeps them; previews are not kept.
Exit codes: 0 good, 1 could not be done, 2 the command line is wrong.

  ./warren history -s op --last 5`,
    )
    .action(runHistory);
}

async function runHistory(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "history");
  requireConfig(stack);
  const args = ["stack", "history", "--json", "--stack", stack, "--page-size", String(flags.last), "--page", "1"];
  const runs = parseHistory((await readPulumi(args, { stack })) || "[]");
  if (flags.json) process.stdout.write(toJson(runs));
  else process.stdout.write(runs.length > 0 ? formatHistory(runs) : `stack ${stack} was never changed\n`);
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1000) return value;
  throw new InvalidArgumentError("a whole number from 1 to 1000 is expected.");
}
