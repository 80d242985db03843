import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { type BenchFlags, runVerb, whole } from "./bench-verb.ts";
import type { BenchSteps } from "./cleanly.ts";
import { fullWatchPlan, quickWatchPlan } from "./watch-plan.ts";
import { formatWatchBench, summariseWatch, type WatchResult } from "./watch-report.ts";
import { runWatchBench } from "./watch-run.ts";

interface Flags extends BenchFlags {
  readonly rate?: number;
  readonly seconds?: number;
}

const rateMax = 100_000;
const secondsMax = 600;

/** `./warren bench watch`. */
export function defineWatch(command: Command): void {
  command
    .command("watch")
    .summary("how many files a second may come to a watched tree, and how fast they are announced")
    .option("--rate <N>", `files a second (default: ${fullWatchPlan.filesPerSecond})`, whole("files a second", rateMax))
    .option("--seconds <N>", `for so long (default: ${fullWatchPlan.seconds})`, whole("seconds", secondsMax))
    .option("--quick", "a small set, to see that all works; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file, as JSON")
    .addHelpText("after", helpText)
    .action((flags: Flags) => {
      const basic = flags.quick ? quickWatchPlan : fullWatchPlan;
      const { rate: filesPerSecond = basic.filesPerSecond, seconds = basic.seconds } = flags;
      let lost = 0;
      const run = async (steps: BenchSteps): Promise<WatchResult> => {
        const result = await runWatchBench({ plan: { ...basic, filesPerSecond, seconds }, ...steps });
        lost = result.lost;
        return result;
      };
      return runVerb(flags, run, formatWatchBench, summariseWatch).then(() => {
        if (lost > 0) throw new UserError("watcher", `${lost} files were never announced`);
      });
    });
}

const helpText = `
Starts a broker of its own and a watcher, as a process of its own, with a tree in a temporary folder. Another process makes
small files beside the tree and renames them into it at a steady pace; a client of the broker counts what it hears of each,
one message a file (v02). The watcher reads each file, and keeps its announcement on disk until the broker has it. Where it
can't follow, files wait: how long is shown as the time between the last file and the last announcement.

All is on the disk of TMPDIR, the kernel's own limits hold (fs.inotify.max_queued_events). Leave the machine alone
meanwhile: broker, watcher, writer and client share its processors. Needs no root; takes less than a minute.

Exit code: 0 each file was announced, 1 not, or something failed, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench watch
  ./warren bench watch --rate 5000 --seconds 30 --json watch.json`;
