import type { Command } from "commander";
import { type BenchFlags, runVerb, whole } from "./bench-verb.ts";
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
    .summary("the sender beside OpenSSH's sftp, to one server")
    .option("--rounds <N>", `of each (default: ${fullDeliverPlan.rounds})`, whole("rounds", roundsMax))
    .option("--quick", "a small set, to see that all works; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file, as JSON")
    .addHelpText("after", helpText)
    .action(({ rounds, ...flags }: Flags) => {
      const basic = flags.quick ? quickDeliverPlan : fullDeliverPlan;
      const plan = { ...basic, rounds: rounds ?? basic.rounds };
      const run = (steps: BenchSteps) => runDeliverBench({ plan, ...steps });
      return runVerb(flags, run, formatDeliverBench, summariseDeliver);
    });
}

const helpText = `
Starts an sshd of its own, in namespaces, and two senders, as processes of their own. In turns \`sftp -b\`, a sender, and a
sender that tells a txq of each file deliver 1,000 files of 40 kB to it: sftp puts them under their names, the senders lock
them by another name until they are whole, set their mode, and remove them from their txq. The login of sftp is measured
and taken off its time; the senders keep their connection.

All is on the disk of TMPDIR. Leave the machine alone meanwhile. Needs root; takes less than a minute.

Exit code: 0 measured, 1 something failed, 2 wrong options, 130 Ctrl-C.

Example:
  ./warren bench deliver --rounds 9 --json deliver.json`;
