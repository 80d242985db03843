import type { Command } from "commander";
import { readPulumi } from "../engine/engine.ts";
import { requireConfig } from "../engine/stack.ts";
import { type RunbookFlags, runbookOptions, stackOf, toJson, wholeNumber } from "../lib/options.ts";
import { formatHistory, parseHistory } from "./history/history.ts";

interface Flags extends RunbookFlags {
  readonly last: number;
}

/** `./warren history -s STACK`: who applied what, when, and with which result, from the engine's history. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--last <number>", "number of runs, newest first", wholeNumber(1, 1000), 20)
    .addHelpText(
      "after",
      `
Lists runs of up, destroy and refresh from the stack's backend, which does not record previews.
Exit codes: 0 done, 1 failed, 2 the command line is invalid.

  ./warren history -s op --last 5
  ./warren history -s op --json`,
    )
    .action(runHistory);
}

async function runHistory(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "history");
  requireConfig(stack);
  const args = ["stack", "history", "--json", "--stack", stack, "--page-size", String(flags.last), "--page", "1"];
  const runs = parseHistory((await readPulumi(args, { stack })) || "[]");
  if (flags.json) process.stdout.write(toJson(runs));
  else process.stdout.write(runs.length > 0 ? formatHistory(runs) : `no runs of stack ${stack}\n`);
}
