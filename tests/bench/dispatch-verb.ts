import { type Command, Option } from "commander";
import { type QueueType, queueTypes } from "../../agents/lib/config.ts";
import { wholeNumber } from "../../scripts/lib/options.ts";
import { type BenchFlags, runVerb } from "./bench-verb.ts";
import { formatBench, summarise } from "./report.ts";
import { fullPlan, quickPlan, runBench } from "./run.ts";

interface Flags extends BenchFlags {
  readonly products?: number;
  readonly rounds?: number;
  readonly queueType: QueueType;
}

const productsMax = 500_000;
const roundsMax = 20;

/** `./warren bench dispatch`. */
export function defineDispatch(command: Command): void {
  command
    .command("dispatch")
    .summary("measure the dispatcher's throughput, latency and memory beside RabbitMQ's shovel")
    .option(
      "--products <N>",
      `products, each announced twice (default: ${fullPlan.products})`,
      wholeNumber(1, productsMax),
    )
    .option("--rounds <N>", `rounds of shovel and dispatcher (default: ${fullPlan.rounds})`, wholeNumber(1, roundsMax))
    .addOption(new Option("--queue-type <type>", "type of all queues").choices(queueTypes).default("classic"))
    .option("--quick", "a small run, only to test the bench; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file as JSON")
    .addHelpText("after", helpText)
    .action((flags: Flags) => {
      const basic = flags.quick ? quickPlan : fullPlan;
      const { queueType, products = basic.products, rounds = basic.rounds } = flags;
      const plan = { ...basic, queueType, products, rounds };
      return runVerb(flags, (steps) => runBench({ plan, ...steps }), formatBench, summarise);
    });
}

const helpText = `
Starts its own broker in a temporary folder, and fills its input queue with announcements of two sources. RabbitMQ's
shovel plugin (ack on confirm, prefetch 1000, moves every message: the upper limit) and a dispatcher process (with
journal and ledger; each product once) move them alternately. A reader counts every key. Then the bench measures the
latency from announcement to notification, at 50 announcements per second and after silence, and the memory of a
dispatcher with ten thousand, a hundred thousand and a million names. The dispatcher has the settings of a provisioned
host. Needs no root; takes about seven minutes.

Bytes per name are the growth of live objects and buffers, after garbage collection, since the same dispatcher was warm
with at most a thousand names. For fewer than 50,000 more names the figure would be noise and is left out. A million
names would take minutes through the queue, so a dispatcher starts with them in a journal that the bench has written, and
is compared with one that starts with ten thousand. For these two the growth of the resident set is also shown. It varies
by several megabytes, too much for fewer names.

Don't use the machine meanwhile: broker, dispatcher and bench share its processors.

Exit code: 0 every product was dispatched once, 1 otherwise or an error, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench dispatch
  ./warren bench dispatch --queue-type quorum --json bench.json`;
