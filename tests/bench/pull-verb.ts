import type { Command } from "commander";
import { type BenchFlags, runVerb, whole } from "./bench-verb.ts";
import { fullPullPlan, quickPullPlan } from "./pull-plan.ts";
import { formatPullBench, summarisePull } from "./pull-report.ts";
import { runPullBench } from "./pull-run.ts";

interface Flags extends BenchFlags {
  readonly files?: number;
  readonly rounds?: number;
}

const filesMax = 100_000;
const roundsMax = 50;

/** `./warren bench pull`. */
export function definePull(command: Command): void {
  command
    .command("pull")
    .summary("five pullers' files a second, beside curl --parallel from the same server")
    .option("--files <N>", `each round (default: ${fullPullPlan.files})`, whole("files", filesMax))
    .option("--rounds <N>", `curl and pullers in turns (default: ${fullPullPlan.rounds})`, whole("rounds", roundsMax))
    .option("--quick", "a small set, to see that all works; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file, as JSON")
    .addHelpText("after", helpText)
    .action((flags: Flags) => {
      const basic = flags.quick ? quickPullPlan : fullPullPlan;
      const plan = { ...basic, files: flags.files ?? basic.files, rounds: flags.rounds ?? basic.rounds };
      return runVerb(flags, (steps) => runPullBench({ plan, ...steps }), formatPullBench, summarisePull);
    });
}

const helpText = `
Starts a broker and a web server of its own (nginx: the machine's, or its package unpacked; else Node's) and five pullers,
as processes of their own that share one queue with a prefetch of 1. Files of 40 kB are fetched from the same server in
turns: by curl with five connections, which leaves them to the kernel to write, and by the pullers, which hear of each by
its announcement, sync it and its folder before they acknowledge it, and say that they have it. Each file is compared with
what was served after each round. Then the same from a server that answers 50 ms after a request has come, and measures that:
with one request a file, five pullers can't have more than 100 files a second of it.

All is on the disk of TMPDIR. With TMPDIR=/dev/shm no disk is in the figures. Leave the machine alone meanwhile: broker,
server, pullers and bench share its processors. Needs no root; takes about two minutes.

Exit code: 0 each file came whole and once, 1 not, or something failed, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench pull
  TMPDIR=/dev/shm ./warren bench pull --json pull.json`;
