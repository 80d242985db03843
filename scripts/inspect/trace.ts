import type { Command } from "commander";
import { openHosts } from "../engine/hosts.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { exitFindings, type RunbookFlags, runbookOptions, stackOf, toJson } from "../lib/options.ts";
import { type Chain, chainOf } from "./snapshot/chain.ts";
import { formatTrace, parseTrace, type Sighting, traced, traceQuestion } from "./trace/trace.ts";

/** A puller's journal of some days is read whole. */
const hostDeadlineMs = 60_000;

/** `./warren trace PRODUCT -s STACK`: where one product was seen, when, by whom. */
export function define(command: Command): void {
  runbookOptions(command)
    .argument("<product>", "its file name, or a path of it; the reception stamp after :: doesn't count")
    .addHelpText(
      "after",
      `
From what announcers, dispatchers and pullers keep on disk, and what they say in their journals, of all hosts by time. Times are those of the hosts.
What is kept is bounded: announced files for a rescan's window, names for the dispatchers' window, placed ones for 25,000 to 50,000 products a puller.
Of the public road: what senders and subscribers say in their journals; with logLevel warn they say nothing.
Exit codes: 0 it was pulled, or fetched by a client, 1 could not be done, 2 it was not, or a host could not be asked.

  ./warren trace '201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META' -s op`,
    )
    .action(runTrace);
}

async function runTrace(product: string, flags: RunbookFlags): Promise<void> {
  const stack = stackOf(flags, "trace");
  const config = readCommittedConfig(stack);
  const chain = chainOf(stack, config);
  const wanted = traced(product);
  const reach = await openHosts(stack, config);
  const hosts = chain.hosts.filter(({ name }) => isOnRoad(chain, name));
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

/** Hosts with agents that keep or say something of products. */
const isOnRoad = ({ urps, dispatchers, pdses, publicRoad }: Chain, host: string): boolean =>
  [urps, dispatchers, pdses, publicRoad?.pxes ?? [], publicRoad?.clients ?? []].some((hosts) => hosts.includes(host));
