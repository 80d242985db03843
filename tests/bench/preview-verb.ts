import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { requireConfig } from "../../scripts/engine/stack.ts";
import { wholeNumber } from "../../scripts/lib/options.ts";
import { type BenchFlags, runVerb } from "./bench-verb.ts";
import type { BenchSteps } from "./cleanly.ts";
import { formatPreviewBench, summarisePreview } from "./preview-report.ts";
import { runPreviewBench } from "./preview-run.ts";
import { runSimulatedBench } from "./simulated.ts";
import { formatSimulated } from "./simulated-report.ts";

interface Flags extends BenchFlags {
  readonly stack?: string;
  readonly runs: number;
  readonly hosts?: readonly number[];
}

const runsMax = 100;
const runsUsual = 5;
const hostsMax = 1000;

/** `./warren bench preview`. */
export function definePreview(command: Command): void {
  command
    .command("preview")
    .summary("measure a preview, and an up without changes")
    .option("-s, --stack <stack>", "a stack whose hosts match it, for example a lab's")
    .option("--hosts <N>", "instead, simulated hosts: one number or several, with commas", hostCounts)
    .option("--runs <N>", "runs of each", wholeNumber(1, runsMax), runsUsual)
    .option("--json <FILE>", "also write the figures to this file as JSON")
    .addHelpText("after", helpText)
    .action(({ stack, runs, hosts, ...flags }: Flags) => {
      if (hosts) {
        return runVerb(
          flags,
          (steps: BenchSteps) => runSimulatedBench(hosts, steps),
          formatSimulated,
          (runs) => runs,
        );
      }
      if (stack === undefined) throw new UserError("bench preview", "nothing to measure", "add -s STACK, or --hosts N");
      requireConfig(stack);
      return runVerb(
        flags,
        (steps: BenchSteps) => runPreviewBench({ stack, runs, ...steps }),
        formatPreviewBench,
        summarisePreview,
      );
    });
}

const hostCounts = (text: string): number[] => text.split(",").map(wholeNumber(1, hostsMax));

const helpText = `
Runs ./warren preview and ./warren up on a stack that has nothing to change, and shows their time and the processor time of
the engine, the program, the plugins and ssh. It queries the hosts and changes nothing on them. Processor time is sampled ten
times a second, so up to the last tenth of a second of each process is missing. Don't use the machine meanwhile.

With --hosts it needs no lab: the hosts of stack lab are repeated, and their steps go to a local sshd that does nothing. It
measures a first up (of at most 40 hosts), a preview and an up without changes, and one setting on all hosts. No host is
queried and no broker's object is made, so a preview of real hosts takes longer.

Exit code: 0 measured, 1 the hosts don't match the stack, or an error, 2 the command line is invalid, 130 Ctrl-C.

Examples:
  ./warren bench preview -s lab
  ./warren bench preview -s lab --runs 10 --json preview.json
  ./warren bench preview --hosts 13,40,100`;
