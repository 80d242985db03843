import type { Command } from "commander";
import { requireConfig } from "../../scripts/engine/stack.ts";
import { wholeNumber } from "../../scripts/lib/options.ts";
import { type BenchFlags, runVerb } from "./bench-verb.ts";
import type { BenchSteps } from "./cleanly.ts";
import { formatPreviewBench, summarisePreview } from "./preview-report.ts";
import { runPreviewBench } from "./preview-run.ts";

interface Flags extends BenchFlags {
  readonly stack: string;
  readonly runs: number;
}

const runsMax = 100;
const runsUsual = 5;

/** `./warren bench preview`. */
export function definePreview(command: Command): void {
  command
    .command("preview")
    .summary("measure a preview, and an up without changes")
    .requiredOption("-s, --stack <stack>", "a stack whose hosts match it, for example a lab's")
    .option("--runs <N>", "runs of each", wholeNumber(1, runsMax), runsUsual)
    .option("--json <FILE>", "also write the figures to this file as JSON")
    .addHelpText("after", helpText)
    .action(({ stack, runs, ...flags }: Flags) => {
      requireConfig(stack);
      return runVerb(
        flags,
        (steps: BenchSteps) => runPreviewBench({ stack, runs, ...steps }),
        formatPreviewBench,
        summarisePreview,
      );
    });
}

const helpText = `
Runs ./warren preview and ./warren up on a stack that has nothing to change, and shows their time and the processor time of
the engine, the program, the plugins and ssh. It queries the hosts and changes nothing on them. Processor time is sampled ten
times a second, so up to the last tenth of a second of each process is missing. Don't use the machine meanwhile.

To measure another number of hosts, make another lab: \`./warren lab -s STACK --name NAME\`.

Exit code: 0 measured, 1 the hosts don't match the stack, or an error, 2 the command line is invalid, 130 Ctrl-C.

Examples:
  ./warren bench preview -s lab
  ./warren bench preview -s lab --runs 10 --json preview.json`;
