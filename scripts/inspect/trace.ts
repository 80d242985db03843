import type { Command } from "commander";
import type { StackConfig } from "../../infra/config/index.ts";
import type { Hosts } from "../../infra/hosts/connect.ts";
import { openHosts } from "../engine/hosts.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { exitFindings, type RunbookFlags, runbookOptions, stackOf, toJson } from "../lib/options.ts";
import { askProduct } from "./snapshot/ask-auditors.ts";
import { type Chain, chainOf } from "./snapshot/chain.ts";
import { auditedSightings } from "./trace/audited.ts";
import { formatTrace, parseTrace, type Sighting, type Traced, traced, traceQuestion } from "./trace/trace.ts";

/** Long enough to read a puller's journal of some days. */
const hostDeadlineMs = 60_000;

/** `./warren trace PRODUCT -s STACK`: where and when a product was seen, and by which agent. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--hosts", "ask each host, also if an auditor knows the product")
    .argument("<product>", "file name or path of the product; the reception stamp after :: is ignored")
    .addHelpText(
      "after",
      `
Asks the auditors of the monitor hosts first. If none knows the product, as on the public data server path, or with --hosts, it asks each host, and
merges by time what the announcers, dispatchers and pullers of all hosts recorded on disk and logged. Times are by each host's own clock.
Records are limited: announced files to a rescan's window, names to the dispatchers' deduplication window, placed files to 25,000 to 50,000 a puller.
On the public data server path only the logs of senders and subscribers are available; with logLevel warn they log nothing about products.
Exit codes: 0 it was pulled, or fetched by a client, 1 failed, 2 it was not, or a host could not be asked.

  ./warren trace '201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META' -s op
  ./warren trace '201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META' -s op --hosts --json`,
    )
    .action(runTrace);
}

interface Flags extends RunbookFlags {
  readonly hosts?: true;
}

async function runTrace(product: string, flags: Flags): Promise<void> {
  const stack = stackOf(flags, "trace");
  const config = readCommittedConfig(stack);
  const wanted = traced(product);
  const reach = await openHosts(stack, config);
  const audited = flags.hosts ? undefined : await askAuditors(reach, config, wanted);
  const sightings = audited ?? (await askHosts(reach, chainOf(stack, config), wanted));
  if (!sightings.some(({ who }) => who === "puller" || who === "subscriber")) process.exitCode = exitFindings;
  process.stdout.write(flags.json ? toJson({ ...wanted, sightings }) : formatTrace(wanted, sightings));
}

/** @returns undefined if no auditor knows the product */
async function askAuditors(reach: Hosts, config: StackConfig, { key }: Traced): Promise<Sighting[] | undefined> {
  const answers = await askProduct(reach, config, key);
  for (const one of answers) {
    if ("unreachable" in one)
      process.stderr.write(`warren: the auditor of ${one.host} can't be asked: ${one.unreachable}\n`);
    else if (one.answer.products[0]) return auditedSightings(one.host, one.answer.products[0]);
  }
  return undefined;
}

async function askHosts(reach: Hosts, chain: Chain, wanted: Traced): Promise<Sighting[]> {
  const hosts = chain.hosts.filter(({ name }) => isOnPath(chain, name));
  const found = await Promise.all(
    hosts.map(async ({ name }): Promise<readonly Sighting[]> => {
      const read = (answer: string) => parseTrace(name, wanted, answer);
      const answer = await reach.ask(name, traceQuestion(chain, name, wanted), read, hostDeadlineMs);
      if (!("unreachable" in answer)) return answer;
      process.stderr.write(`warren: ${name} can't be asked: ${answer.unreachable}\n`);
      process.exitCode = exitFindings;
      return [];
    }),
  );
  return found.flat().toSorted((a, b) => a.atMs - b.atMs);
}

/** Whether a host has agents that record or log products. */
const isOnPath = ({ urps, dispatchers, pdses, publicRoads }: Chain, host: string): boolean =>
  [urps, dispatchers, pdses, ...publicRoads.flatMap(({ pxes, clients }) => [pxes, clients])].some((hosts) =>
    hosts.includes(host),
  );
