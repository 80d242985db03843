import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { wholeNumber } from "../../scripts/lib/options.ts";
import { type BenchFlags, runVerb } from "./bench-verb.ts";
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
    .summary("measure how fast new files in a watched tree are announced")
    .option("--rate <N>", `files per second (default: ${fullWatchPlan.filesPerSecond})`, wholeNumber(1, rateMax))
    .option("--seconds <N>", `duration (default: ${fullWatchPlan.seconds})`, wholeNumber(1, secondsMax))
    .option("--quick", "a small run, only to test the bench; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file as JSON")
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
Starts its own broker and a watcher process, with a tree in a temporary folder. A writer process makes small files beside
the tree and renames them into it at a steady rate. A client of the broker counts the announcements, one message for each
file (v02). The watcher reads each file, and keeps its announcement on disk until the broker has confirmed it. If the
watcher falls behind, files wait; the delay is shown as the time between the last file and the last announcement.

All files are on the disk of TMPDIR, and the kernel's limits apply (fs.inotify.max_queued_events). Don't use the machine
meanwhile: broker, watcher, writer and client share its processors. Needs no root; takes less than a minute.

Exit code: 0 each file was announced, 1 otherwise or an error, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench watch
  ./warren bench watch --rate 5000 --seconds 30 --json watch.json`;
