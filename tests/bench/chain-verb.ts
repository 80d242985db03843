import { type Command, Option } from "commander";
import { type BenchFlags, runVerb } from "./bench-verb.ts";
import { fullChainPlan, quickChainPlan, quickRestPlan, restPlan } from "./chain-plan.ts";
import { formatChainBench, summariseChain } from "./chain-report.ts";
import { runChainBench } from "./chain-run.ts";

interface Flags extends BenchFlags {
  readonly beside?: string;
}

/** `--beside sr3`, of all benches that have it. */
export const besideOption = (): Option =>
  new Option("--beside <PROGRAM>", "measure this program in the same run as well").choices(["sr3"]);

/** `./warren bench chain`. */
export function defineChain(command: Command): void {
  command
    .command("chain")
    .summary("measure the complete chain, from file to file, and what a product costs")
    .option("--quick", "a small run, only to test the bench; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file as JSON")
    .addOption(besideOption())
    .addHelpText("after", helpText)
    .action((flags: Flags) => {
      const plan = flags.quick ? quickChainPlan : fullChainPlan;
      const besideSr3 = flags.beside === "sr3";
      return runVerb(flags, (steps) => runChainBench({ plan, besideSr3, ...steps }), formatChainBench, summariseChain);
    });
}

/** `./warren bench rest`. */
export function defineRest(command: Command): void {
  command
    .command("rest")
    .summary("measure the idle chain: memory, and how long a product takes after silence")
    .option("--quick", "a small run, only to test the bench; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file as JSON")
    .addOption(besideOption())
    .addHelpText("after", restHelpText)
    .action((flags: Flags) => {
      const plan = flags.quick ? quickRestPlan : restPlan;
      const besideSr3 = flags.beside === "sr3";
      return runVerb(flags, (steps) => runChainBench({ plan, besideSr3, ...steps }), formatChainBench, summariseChain);
    });
}

const sr3HelpText = `\`--beside sr3\` sends each load through metpx-sr3 3.3.1 as well, on the same broker, right after: two \`watch\` as announcers,
a \`winnow\` that compares product names as dispatcher, five \`subscribe\` that share a queue. They have their fastest settings:
messages are pushed to them (amqp_consumer), each is handled at once (batch 1, sleep 0), no checksums, prefetch 1;
\`watch\` checks every 10 ms, less often after a silence. sr3 syncs files, but not their folders. Its files are all renamed
into place, because \`watch\` announces unfinished ones. pip downloads sr3 from PyPI the first time, with pinned hashes.`;

const restHelpText = `
Starts what \`./warren bench chain\` starts, and sends a product every two seconds. So it measures the memory and processor
time of idle agents, and how long a product takes after silence; the row "max" is the worst of 50. The processor time of a
silence counts for the product that ends it.

${sr3HelpText}
Don't use the machine meanwhile. Needs no root; takes about two minutes, with sr3 twice as long.

Exit code: 0 each product arrived complete and once, 1 otherwise or an error, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench rest --beside sr3
  ./warren bench rest --json rest.json`;

const helpText = `
Starts its own broker, and for each load two announcers, a dispatcher and five pullers, as \`./warren flow\` does. Products
are written into two folders: as a burst, 20 a second, and 50 a second. Agents have just been started, so the first
products of each load cost more than later ones. The broker itself counts its messages. A tap counts the products: its
copies of messages are subtracted, but not the broker's processor time for them.

${sr3HelpText}
All files are on the disk of TMPDIR. Don't use the machine meanwhile: all processes share its processors. Needs no root;
takes about two minutes, with sr3 twice as long.

Exit code: 0 each product arrived complete and once, 1 otherwise or an error, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench chain --beside sr3
  TMPDIR=/dev/shm ./warren bench chain --json chain.json`;
