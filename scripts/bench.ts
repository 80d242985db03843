import { writeFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type QueueType, queueTypes } from "../agents/lib/config.ts";
import { UserError } from "../agents/lib/errors.ts";
import { formatBench, summarise } from "./bench/report.ts";
import { fullPlan, quickPlan, runBench } from "./bench/run.ts";
import { checkAccountFile } from "./lib/report.ts";

interface Flags {
  readonly products?: number;
  readonly rounds?: number;
  readonly queueType: QueueType;
  readonly quick?: boolean;
  readonly json?: string;
}

const productsMax = 500_000;
const roundsMax = 20;
const exitInterrupted = 130;

export function define(command: Command): void {
  command
    .command("dispatch")
    .summary("the dispatcher's throughput, latency and memory, beside RabbitMQ's own shovel")
    .option("--products <N>", `each is announced twice (default: ${fullPlan.products})`, whole("products", productsMax))
    .option("--rounds <N>", `shovel and dispatcher in turns (default: ${fullPlan.rounds})`, whole("rounds", roundsMax))
    .addOption(new Option("--queue-type <type>", "of all queues").choices(queueTypes).default("classic"))
    .option("--quick", "a small set, to see that all works; its figures mean little")
    .option("--json <FILE>", "also write the figures to this file, as JSON")
    .addHelpText("after", helpText)
    .action(dispatch);
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

async function dispatch(flags: Flags): Promise<void> {
  if (flags.json !== undefined) await checkAccountFile(flags.json);
  const basic = flags.quick ? quickPlan : fullPlan;
  const { queueType, products = basic.products, rounds = basic.rounds } = flags;
  const interrupt = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => interrupt.abort(new Error(`ended by ${signal}`));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, onSignal);
  try {
    const result = await runBench({
      plan: { ...basic, queueType, products, rounds },
      signal: interrupt.signal,
      onStep: (text) => process.stderr.write(`${text}\n`),
    });
    process.stdout.write(`\n${formatBench(result)}`);
    if (flags.json !== undefined) await writeSummary(flags.json, summarise(result));
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = exitInterrupted;
  }
}

async function writeSummary(path: string, summary: object): Promise<void> {
  await writeFile(path, `${JSON.stringify(summary, null, 2)}\n`).catch((error: Error) => {
    throw new UserError(path, `can't be written: ${error.message}`, "give another file to --json");
  });
}

function whole(what: string, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`expected a number of ${what}, 1 to ${max}.`);
  };
}
