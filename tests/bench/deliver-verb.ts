import type { Command } from "commander";
import { wholeNumber } from "../../scripts/lib/options.ts";
import { type BenchFlags, runVerb } from "./bench-verb.ts";
import type { BenchSteps } from "./cleanly.ts";
import { formatDeliverBench, summariseDeliver } from "./deliver-report.ts";
import { fullDeliverPlan, quickDeliverPlan, runDeliverBench } from "./deliver-run.ts";

interface Flags extends BenchFlags {
  readonly rounds?: number;
}

const roundsMax = 100;

/** `./warren bench deliver`. */
export function defineDeliver(command: Command): void {
  command
    .command("deliver")
    .summary("measure the sender beside OpenSSH's sftp, to one server")
    .option("--rounds <N>", `rounds of each (default: ${fullDeliverPlan.rounds})`, wholeNumber(1, roundsMax))
    .option("--quick", "a small run, only to test the bench; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file as JSON")
    .addHelpText("after", helpText)
    .action(({ rounds, ...flags }: Flags) => {
      const basic = flags.quick ? quickDeliverPlan : fullDeliverPlan;
      const plan = { ...basic, rounds: rounds ?? basic.rounds };
      const run = (steps: BenchSteps) => runDeliverBench({ plan, ...steps });
      return runVerb(flags, run, formatDeliverBench, summariseDeliver);
    });
}

const helpText = `
Starts its own sshd in namespaces, and two sender processes. \`sftp -b\`, a sender, and a sender that writes a notification
of each file deliver 1,000 files of 40 kB to it alternately. sftp writes them under their final names. The senders lock
them under another name until they are complete, set their mode, and remove them from their txq. The time of sftp's login
is measured and subtracted; the senders keep their connection.

All files are on the disk of TMPDIR. Don't use the machine meanwhile. Needs root; takes less than a minute.

Exit code: 0 measured, 1 something failed, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench deliver
  ./warren bench deliver --rounds 9 --json deliver.json`;
