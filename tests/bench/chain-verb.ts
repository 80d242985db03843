import type { Command } from "commander";
import { type BenchFlags, runVerb } from "./bench-verb.ts";
import { fullChainPlan, quickChainPlan, quickRestPlan, restPlan } from "./chain-plan.ts";
import { formatChainBench, summariseChain } from "./chain-report.ts";
import { runChainBench } from "./chain-run.ts";

/** `./warren bench chain`. */
export function defineChain(command: Command): void {
  command
    .command("chain")
    .summary("measure the complete chain, from file to file, and what a product costs")
    .option("--quick", "a small run, only to test the bench; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file as JSON")
    .addHelpText("after", helpText)
    .action((flags: BenchFlags) => {
      const plan = flags.quick ? quickChainPlan : fullChainPlan;
      return runVerb(flags, (steps) => runChainBench({ plan, ...steps }), formatChainBench, summariseChain);
    });
}

/** `./warren bench rest`. */
export function defineRest(command: Command): void {
  command
    .command("rest")
    .summary("measure the idle chain: memory, and how long a product takes after silence")
    .option("--quick", "a small run, only to test the bench; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file as JSON")
    .addHelpText("after", restHelpText)
    .action((flags: BenchFlags) => {
      const plan = flags.quick ? quickRestPlan : restPlan;
      return runVerb(flags, (steps) => runChainBench({ plan, ...steps }), formatChainBench, summariseChain);
    });
}

const restHelpText = `
Starts what \`./warren bench chain\` starts, and sends a product every two seconds. So it measures the memory and processor
time of idle agents, and how long a product takes after silence; the row "max" is the worst of 50. The processor time of a
silence counts for the product that ends it.

Don't use the machine meanwhile. Needs no root; takes about two minutes.

Exit code: 0 each product arrived complete and once, 1 otherwise or an error, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench rest
  ./warren bench rest --json rest.json`;

const helpText = `
Starts its own broker, and for each load two announcers, a dispatcher and five pullers, as \`./warren flow\` does. Products
are written into two folders: as a burst, 20 a second, and 50 a second. Agents have just been started, so the first
products of each load cost more than later ones. The broker itself counts its messages. A tap counts the products: its
copies of messages are subtracted, but not the broker's processor time for them.

All files are on the disk of TMPDIR. Don't use the machine meanwhile: all processes share its processors. Needs no root;
takes about two minutes.

Exit code: 0 each product arrived complete and once, 1 otherwise or an error, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench chain
  TMPDIR=/dev/shm ./warren bench chain --json chain.json`;
