import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { deliveriesOf } from "../../infra/config/data-servers.ts";
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

/** With the start of this program and of the engine, verify takes less than five seconds, even if hosts hang. */
const withinSecondsDefault = 3.8;
const deadlineSecondsDefault = 30;

/** `./warren verify -s STACK`: checks the chain in order of production, as the requirement's last chapter does, and names the first broken link. */
export function define(command: Command): void {
  runbookOptions(command)
    .option(
      "--max-age <seconds>",
      "age limit of a radar server's newest product (default: silenceSeconds of the config)",
      seconds,
    )
    .option("--within <seconds>", "time limit for answers of hosts and brokers", seconds, withinSecondsDefault)
    .option("--evidence <file>", "write all collected data to this file, as JSON without secrets")
    .option("--probe", "also send a marked product along each path, and show where and when it was seen")
    .option("--deadline <seconds>", "time limit for a probe", seconds, deadlineSecondsDefault)
    .option(
      "--public-name <name>",
      "name of the probe's file for px, which px's rules must accept; {mark}, {minute} and {second} are replaced",
      publicNameDefault,
    )
    .addHelpText(
      "after",
      `
Asks every host by ssh and the brokers by their management API, all at the same time, and changes nothing. It checks, in order of production:
URP: products made, announced, served. bunny: brokers, virtual IP, queues, dispatchers. PDS: pullers, queue, dead letters.
The public data server path, if the stack has one: px's senders and txqs, the public data server, its broker and clients' queues, subscribers.
Every step is checked even after a broken one, and printed with its evidence and, if it is not good, a remedy. The last line names the link to repair first.
--probe puts a small product on all radar servers, and one into the txq of each of px's senders whose rules accept its name. Receivers treat it like any
other product. Probes that have arrived are removed from radar servers, PDS' receiver queues, the public data server and clients' folders. Public probes are
announced to all subscribers. Times are by each host's own clock.
--json: {ok, firstBroken: {host, id, step, evidence, remedy} | null, steps, probes: [{road, sender?, product, arrived, hops, totalMs, stopped, left}]}
Exit codes: 0 no broken link, 1 failed, 2 a link is broken, a probe has not arrived, or the stack file is invalid.

  ./warren verify -s op
  ./warren verify -s op --json | jq .firstBroken
  ./warren verify -s op --probe --deadline 10
  ./warren verify -s op --within 20      # on a slow machine or network`,
    )
    .action(runVerify);
}

async function runVerify(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "verify");
  const observer = await openObserver(stack);
  try {
    const evidence = await observer.snapshot({ withMetrics: false, withFetches: true, withinMs: flags.within * 1000 });
    if (flags.evidence !== undefined) await writeFile(flags.evidence, toJson(evidence));
    const found = verify(evidence, { productAgeSeconds: flags.maxAge ?? observer.chain.silenceSeconds });
    if (!flags.probe) return say(found, [], flags);
    const probes = await sendProbes(observer, evidence, stack, flags);
    say(withProbes(found, probes, stack), probes, flags);
  } finally {
    observer.close();
  }
}

function sendProbes(observer: Observer, evidence: Evidence, stack: string, flags: Flags): Promise<ProbeResult[]> {
  const senders = deliveriesOf(readCommittedConfig(stack)).flatMap((delivery) => Object.entries(delivery.senders));
  const rules = Object.fromEntries(senders.map(([name, sender]) => [name, sender.rules]));
  return probe(evidence, observer.reach, { withinSeconds: flags.deadline, publicName: flags.publicName, rules });
}

function say(found: Verification, probes: readonly ProbeResult[], { json, probe: isProbe }: Flags): void {
  if (!found.ok) process.exitCode = exitFindings;
  if (json) process.stdout.write(toJson(isProbe ? { ...found, probes } : found));
  else {
    const between = probes.map((one) => `${formatProbe(one)}\n`).join("");
    process.stdout.write(formatVerification(found, wantsColor(process.stdout), between));
  }
}
