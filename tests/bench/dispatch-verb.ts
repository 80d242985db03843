import { type Command, Option } from "commander";
import { type QueueType, queueTypes } from "../../agents/lib/config.ts";
import { type BenchFlags, runVerb, whole } from "./bench-verb.ts";
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
    .summary("the dispatcher's throughput, latency and memory, beside RabbitMQ's own shovel")
    .option("--products <N>", `each is announced twice (default: ${fullPlan.products})`, whole("products", productsMax))
    .option("--rounds <N>", `shovel and dispatcher in turns (default: ${fullPlan.rounds})`, whole("rounds", roundsMax))
    .addOption(new Option("--queue-type <type>", "of all queues").choices(queueTypes).default("classic"))
    .option("--quick", "a small set, to see that all works; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file, as JSON")
    .addHelpText("after", helpText)
    .action((flags: Flags) => {
      const basic = flags.quick ? quickPlan : fullPlan;
      const { queueType, products = basic.products, rounds = basic.rounds } = flags;
      const plan = { ...basic, queueType, products, rounds };
      return runVerb(flags, (steps) => runBench({ plan, ...steps }), formatBench, summarise);
    });
}

const helpText = `
Starts a broker of its own in a temporary folder and fills its input queue with announcements of two sources. These are
moved by RabbitMQ's shovel plugin (ack on confirm, prefetch 1000, every message moved: the ceiling) and by the dispatcher, as
a process of its own with journal and ledger on (each product once), in turns; a reader counts every key. Then it
measures from announcing to notifying at 50 announcements a second and after silence, and what a dispatcher needs that
remembers ten thousand, a hundred thousand and a million names. The dispatcher has the settings that a provisioned host
gets. Needs no root; takes about seven minutes.

Bytes a name are what live objects and buffers grow by, after garbage collection, since the same dispatcher was warm with a
thousand names or fewer; of fewer than 50,000 further names that would be chance, and is left out. A million would take
minutes through the queue: a dispatcher starts with them in a journal that the bench has written, and is held against one
that starts with ten thousand. Of these two it tells as well what the resident set grows by: several megabytes of that come
and go by chance, which is more than fewer names take.

Leave the machine alone meanwhile: broker, dispatcher and bench share its processors.

Exit code: 0 every product came out once, 1 not, or something failed, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench dispatch
  ./warren bench dispatch --queue-type quorum --json bench.json`;
