import type { Command } from "commander";
import { wantsColor } from "../scripts/lib/color.ts";
import { wholeNumber } from "../scripts/lib/options.ts";
import { inotifywait, installMissing } from "../scripts/lib/packages.ts";
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
    .option("--broker <URL>", "use this broker instead of a local one, e.g. amqp://user:password@host:5672/vhost")
    .option("--count <N>", "products to send", wholeNumber(1, countMax), 400)
    .option("--rate <N>", "products per second", wholeNumber(1, rateMax), 20)
    .option("--seed <N>", "seed of the products: the same seed gives the same products", wholeNumber(1, 2 ** 32 - 1), 1)
    .option("--product <FILE...>", "send these files instead of generated products")
    .option("--json <FILE>", "also write the table to this file as JSON")
    .option("--keep", "keep the folder with configs, logs, products and receiver folders")
    .addHelpText("after", helpText)
    .action(flow);
}

const helpText = `
Runs two announcers, a dispatcher and five pullers as your processes, with one broker. Writes products into two folders;
the agents announce, dispatch and pull them, and each is counted. Needs no root; takes about 30 seconds. Meanwhile the
live page of the flow is at the address that it prints.

Without --broker, RabbitMQ starts in a temporary folder (from Debian's packages, unpacked into your cache).
Announcers need the package inotify-tools: if it is missing, root gets it by apt-get, and others an error.
With --broker, the run uses its own exchange and queues, named cmc.flow-…, and deletes them at the end. The user needs
configure, write and read permissions on ^cmc\\. in the vhost. Nothing else on the broker changes, except that
announcements that no puller can fetch are dead-lettered to cmc.urp.dead.

Exit code: 0 every product arrived once and complete, 1 any was lost, repeated or wrong, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren flow
  ./warren flow --count 2000 --rate 100 --json flow.json
  ./warren flow --broker amqp://feeder:secret@bunny-op/ --product storm.png`;

async function flow(flags: Flags): Promise<void> {
  const onStep = (text: string): void => void process.stderr.write(`${text}\n`);
  if (flags.json !== undefined) await checkAccountFile(flags.json);
  await installMissing([inotifywait], onStep);
  const samples = await loadSamples();
  const plan = await planFor(flags, samples);
  const interrupt = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => interrupt.abort(new Error(`stopped by ${signal}`));
  // A second Ctrl-C kills the process. The kernel and the broker's sweeper clean up then.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, onSignal);
  try {
    const result = await runFlow({
      plan,
      samples,
      ...(flags.broker === undefined ? {} : { broker: flags.broker }),
      keep: flags.keep ?? false,
      page: true,
      signal: interrupt.signal,
      stream: process.stderr,
      onStep,
    });
    const color = wantsColor(process.stdout);
    process.stdout.write(`\n${formatReport({ ...result, count: plan.products.length, color })}`);
    if (result.directory) process.stdout.write(`\nconfigs, logs and files are kept in ${result.directory}\n`);
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
