import type { Command } from "commander";
import { wholeNumber } from "../../scripts/lib/options.ts";
import { type BenchFlags, runVerb } from "./bench-verb.ts";
import { besideOption } from "./chain-verb.ts";
import { fullPullPlan, quickPullPlan } from "./pull-plan.ts";
import { formatPullBench, summarisePull } from "./pull-report.ts";
import { runPullBench } from "./pull-run.ts";

interface Flags extends BenchFlags {
  readonly files?: number;
  readonly rounds?: number;
  readonly prefetch?: readonly number[];
  readonly beside?: string;
}

const filesMax = 100_000;
const roundsMax = 50;
const prefetchMax = 1000;
const prefetches = (text: string): readonly number[] => text.split(",").map(wholeNumber(1, prefetchMax));

/** `./warren bench pull`. */
export function definePull(command: Command): void {
  command
    .command("pull")
    .summary("measure five pullers beside curl --parallel from the same server")
    .option("--files <N>", `files in each round (default: ${fullPullPlan.files})`, wholeNumber(1, filesMax))
    .option("--rounds <N>", `rounds of curl and pullers (default: ${fullPullPlan.rounds})`, wholeNumber(1, roundsMax))
    .option("--prefetch <N,N…>", `prefetches to measure, e.g. 1,4,16 (default: ${fullPullPlan.prefetches})`, prefetches)
    .addOption(besideOption())
    .option("--quick", "a small run, only to test the bench; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file as JSON")
    .addHelpText("after", helpText)
    .action((flags: Flags) => {
      const basic = flags.quick ? quickPullPlan : fullPullPlan;
      const { files = basic.files, rounds = basic.rounds, prefetch = basic.prefetches } = flags;
      const plan = { ...basic, files, rounds, prefetches: prefetch };
      const besideSr3 = flags.beside === "sr3";
      return runVerb(flags, (steps) => runPullBench({ plan, besideSr3, ...steps }), formatPullBench, summarisePull);
    });
}

const helpText = `
Starts its own broker, its own web server (nginx, installed or unpacked from its package; otherwise Node's) and five
puller processes that share one queue. curl, with five connections, and the pullers fetch files of 40 kB from the same
server alternately. Five bare consumers only ack the announcements: no puller can be faster. curl leaves writes to the
kernel. The pullers get an announcement of each file, sync the file and its folder, ack, and send receipts, as to a dispatcher.
After each round all files are compared with the served ones. Then the same with a server that answers 50 ms after each
request and measures its own delay: with one request per file, five pullers can get at most 100 files per second from it.

\`--prefetch 1,4,16\` measures all with each prefetch. \`--beside sr3\` measures five \`subscribe\` of metpx-sr3 3.3.1 in each
round as well, with their fastest settings: messages are pushed to them (amqp_consumer), each is handled at once (batch 1,
sleep 0), \`inflight .tmp\`, no checksums. They sync files, but not their folders, and send no receipts. pip downloads sr3
from PyPI the first time, with pinned hashes.

All files are on the disk of TMPDIR. TMPDIR=/dev/shm measures without a disk. Don't use the machine meanwhile: broker,
server, pullers and bench share its processors. Needs no root; takes about two minutes for each prefetch.

Exit code: 0 each file arrived complete and once, 1 otherwise or an error, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench pull --prefetch 1,4,16 --beside sr3
  TMPDIR=/dev/shm ./warren bench pull --json pull.json`;
