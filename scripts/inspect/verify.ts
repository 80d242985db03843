import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { wantsColor } from "../lib/color.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "../lib/options.ts";
import type { Evidence } from "./snapshot/evidence.ts";
import { type Observer, openObserver } from "./snapshot/snapshot.ts";
import { type Verification, verify } from "./verify/judge.ts";
import type { ProbeResult } from "./verify/probe/hops.ts";
import { publicNameDefault } from "./verify/probe/product.ts";
import { formatProbe } from "./verify/probe/report.ts";
import { probe, withProbes } from "./verify/probe/run.ts";
import { formatVerification } from "./verify/report.ts";

interface Flags extends RunbookFlags {
  readonly maxAge?: number;
  readonly evidence?: string;
  readonly within: number;
  readonly probe?: true;
  readonly deadline: number;
  readonly publicName: string;
}

/** With the start of this program and of the engine verify takes less than five seconds, whatever hangs. */
const withinSecondsDefault = 3.8;
const deadlineSecondsDefault = 30;

/** `./warren verify -s STACK`: the requirement's last chapter, executable: the chain in order of production, and its first broken link. */
export function define(command: Command): void {
  runbookOptions(command)
    .option(
      "--max-age <seconds>",
      "so old may a radar server's newest product be; silenceSeconds of the config unless given",
      seconds,
    )
    .option("--within <seconds>", "what has not answered by then counts as silent", seconds, withinSecondsDefault)
    .option("--evidence <file>", "write all that was gathered, as JSON; there are no secrets in it")
    .option("--probe", "send a marked product down each road, too, and show when it was where")
    .option("--deadline <seconds>", "so long a probe may take", seconds, deadlineSecondsDefault)
    .option(
      "--public-name <name>",
      "the probe's file for px, as px's rules accept it; {mark}, {minute} and {second} are filled in",
      publicNameDefault,
    )
    .addHelpText(
      "after",
      `
Asks every host by ssh and the brokers by their management API, all at the same time, and changes nothing.
URP: products made, announced, served. bunny: brokers, virtual IP, queues, dispatchers. PDS: pullers, queue, dead letters.
The public road, where the stack has one: px's senders and txqs, the public data server, its broker and clients' queues, subscribers.
It stops at nothing: each step has its evidence, and what isn't good its remedy. The last line names the link to repair first.
--probe puts one small product on all radar servers, and one into the txq of each of px's senders that takes its name. Receivers get them as any other;
what has arrived is removed from radar servers, receiver queues of PDS, public server and clients' folders. Public products are told to whoever
listens. Times are the hosts' own.
--json: {ok, firstBroken: {host, id, step, evidence, remedy} | null, steps, probes: [{road, sender?, product, arrived, hops, totalMs, stopped, left}]}
Exit codes: 0 no broken link, 1 could not be done, 2 a link is broken, a probe has not arrived, or the stack file is wrong.

  ./warren verify -s op
  ./warren verify -s op --json | jq .firstBroken
  ./warren verify -s op --probe --deadline 10
  ./warren verify -s op --within 20      # on a machine, or by a line, that is slow`,
    )
    .action(runVerify);
}

async function runVerify(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "verify");
  const looker = await openObserver(stack);
  try {
    const evidence = await looker.look({ withMetrics: false, withFetches: true, withinMs: flags.within * 1000 });
    if (flags.evidence !== undefined) await writeFile(flags.evidence, toJson(evidence));
    const found = verify(evidence, { productAgeSeconds: flags.maxAge ?? looker.chain.silenceSeconds });
    if (!flags.probe) return say(found, [], flags);
    const probes = await sendProbes(looker, evidence, stack, flags);
    say(withProbes(found, probes, stack), probes, flags);
  } finally {
    looker.close();
  }
}

function sendProbes(looker: Observer, evidence: Evidence, stack: string, flags: Flags): Promise<ProbeResult[]> {
  const senders = Object.entries(readCommittedConfig(stack).datamart?.delivery?.senders ?? {});
  const rules = Object.fromEntries(senders.map(([name, sender]) => [name, sender.rules]));
  return probe(evidence, looker.reach, { withinSeconds: flags.deadline, publicName: flags.publicName, rules });
}

function say(found: Verification, probes: readonly ProbeResult[], { json, probe: isProbe }: Flags): void {
  if (!found.ok) process.exitCode = exitFindings;
  if (json) process.stdout.write(toJson(isProbe ? { ...found, probes } : found));
  else {
    const between = probes.map((one) => `${formatProbe(one)}\n`).join("");
    process.stdout.write(formatVerification(found, wantsColor(process.stdout), between));
  }
}
