import type { Command } from "commander";
import { openHosts } from "../engine/hosts.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { exitFindings, type RunbookFlags, runbookOptions, stackOf, toJson } from "../lib/options.ts";
import { type Chain, chainOf } from "./snapshot/chain.ts";
import { formatTrace, parseTrace, type Sighting, traced, traceQuestion } from "./trace/trace.ts";

/** Long enough to read a puller's journal of some days. */
const hostDeadlineMs = 60_000;

/** `./warren trace PRODUCT -s STACK`: where and when a product was seen, and by which agent. */
export function define(command: Command): void {
  runbookOptions(command)
    .argument("<product>", "file name or path of the product; the reception stamp after :: is ignored")
    .addHelpText(
      "after",
      `
Merges by time what the announcers, dispatchers and pullers of all hosts recorded on disk and logged. Times are by each host's own clock.
Records are limited: announced files to a rescan's window, names to the dispatchers' deduplication window, placed files to 25,000 to 50,000 a puller.
On the public data server path only the logs of senders and subscribers are available; with logLevel warn they log nothing about products.
Exit codes: 0 it was pulled, or fetched by a client, 1 failed, 2 it was not, or a host could not be asked.

  ./warren trace '201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META' -s op
  ./warren trace '201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META' -s op --json`,
    )
    .action(runTrace);
}

async function runTrace(product: string, flags: RunbookFlags): Promise<void> {
  const stack = stackOf(flags, "trace");
  const config = readCommittedConfig(stack);
  const chain = chainOf(stack, config);
  const wanted = traced(product);
  const reach = await openHosts(stack, config);
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
  const sightings = found.flat().toSorted((a, b) => a.atMs - b.atMs);
  if (!sightings.some(({ who }) => who === "puller" || who === "subscriber")) process.exitCode = exitFindings;
  process.stdout.write(flags.json ? toJson({ ...wanted, sightings }) : formatTrace(wanted, sightings));
}

/** Whether a host has agents that record or log products. */
const isOnPath = ({ urps, dispatchers, pdses, publicRoads }: Chain, host: string): boolean =>
  [urps, dispatchers, pdses, ...publicRoads.flatMap(({ pxes, clients }) => [pxes, clients])].some((hosts) =>
    hosts.includes(host),
  );
