import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { wantsColor } from "../scripts/lib/color.ts";
import { isGood } from "../scripts/traffic/accounting.ts";
import { firstObservationOf } from "../scripts/traffic/names.ts";
import { planOwnFiles } from "../scripts/traffic/own-files.ts";
import { planProducts } from "../scripts/traffic/plan.ts";
import { checkAccountFile, formatReport, writeAccount } from "../scripts/traffic/report.ts";
import { loadSamples, type Samples } from "../scripts/traffic/samples.ts";
import { flowUrps, runFlow } from "./flow/run.ts";

interface Flags {
  readonly broker?: string;
  readonly count: number;
  readonly rate: number;
  readonly seed: number;
  readonly product?: string[];
  readonly json?: string;
  readonly keep?: boolean;
}

const countMax = 100_000;
const rateMax = 400;
const exitInterrupted = 130;

export function define(command: Command): void {
  command
    .option("--broker <URL>", "use this broker, amqp://user:password@host:5672/vhost, instead of a local one")
    .option("--count <N>", "products to send", wholeNumber("a number of products", countMax), 400)
    .option("--rate <N>", "products a second", wholeNumber("a number a second", rateMax), 20)
    .option("--seed <N>", "makes the same products again", wholeNumber("a seed", 2 ** 32 - 1), 1)
    .option("--product <FILE...>", "send these files instead of made-up products")
    .option("--json <FILE>", "also write the table to this file, as JSON")
    .option("--keep", "leave the folder with configs, logs, products and receiver folders")
    .addHelpText("after", helpText)
    .action(flow);
}

const helpText = `
Two announcers, a dispatcher and five pullers run as processes of yours, one broker between them; products are written
into two folders, announced, dispatched, pulled, and counted one by one. Needs no root; takes about half a minute.

Without --broker, RabbitMQ is started in a temporary folder (Debian's own packages, unpacked into your cache).
With --broker, the run uses an exchange and queues of its own, named cmc.flow-…, and deletes them at the end; the user
needs the rights to configure, write and read ^cmc\\. in the vhost. What else is on the broker is left alone; an
announcement that no puller could follow goes to the agents' dead letters, cmc.urp.dead.

Exit code: 0 all came through once and whole, 1 something was lost, repeated or wrong, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren flow
  ./warren flow --count 2000 --rate 100 --json flow.json
  ./warren flow --broker amqp://feeder:secret@bunny-op/ --product storm.png`;

async function flow(flags: Flags): Promise<void> {
  if (flags.json !== undefined) await checkAccountFile(flags.json);
  const samples = await loadSamples();
  const plan = await planFor(flags, samples);
  const interrupt = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => interrupt.abort(new Error(`ended by ${signal}`));
  // From the second Ctrl-C on the default holds again: the kernel and the broker's sweeper take what we left.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, onSignal);
  try {
    const result = await runFlow({
      plan,
      samples,
      ...(flags.broker === undefined ? {} : { broker: flags.broker }),
      keep: flags.keep ?? false,
      signal: interrupt.signal,
      stream: process.stderr,
      onStep: (text) => process.stderr.write(`${text}\n`),
    });
    const color = wantsColor(process.stdout);
    process.stdout.write(`\n${formatReport({ ...result, count: plan.products.length, color })}`);
    if (result.directory) process.stdout.write(`\nconfigs, logs and files are left in ${result.directory}\n`);
    if (flags.json !== undefined) await writeAccount(flags.json, result.account);
    process.exitCode = interrupt.signal.aborted ? exitInterrupted : isGood(result.account) ? 0 : 1;
  } catch (error) {
    if (!interrupt.signal.aborted || error !== interrupt.signal.reason) throw error;
    process.exitCode = exitInterrupted;
  }
}

async function planFor(flags: Flags, samples: Samples) {
  const now = new Date();
  const common = { urps: [...flowUrps], ratePerSecond: flags.rate, firstObservation: firstObservationOf(now) };
  return flags.product
    ? await planOwnFiles({ ...common, files: flags.product, now })
    : planProducts({ ...common, count: flags.count, seed: flags.seed }, samples);
}

function wholeNumber(what: string, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || value < 1 || value > max) {
      throw new InvalidArgumentError(`expected ${what}, 1 to ${max}.`);
    }
    return value;
  };
}
