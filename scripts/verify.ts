import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { wantsColor } from "./lib/report.ts";
import { openLooker } from "./runbook/look.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "./runbook/options.ts";
import { verify } from "./verify/judge.ts";
import { formatVerification } from "./verify/report.ts";

interface Flags extends RunbookFlags {
  readonly maxAge?: number;
  readonly evidence?: string;
  readonly within: number;
}

/** With the start of this program and of the engine verify takes less than five seconds, whatever hangs. */
const withinSecondsDefault = 3.8;

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
    .addHelpText(
      "after",
      `
Asks every host once by ssh and the brokers by their management API, all at the same time, and changes nothing.
URP: products made, announced, served. bunny: brokers, virtual IP, queues, dispatchers. PDS: pullers, queue, dead letters.
The public road, where the stack has one: px's senders and txqs, the public data server, its broker and clients' queues, subscribers.
It stops at nothing: each step has its evidence, and what isn't good its remedy. The last line names the link to repair first.
--json: {ok, firstBroken: {host, step, evidence, remedy} | null, steps}
Exit codes: 0 no broken link, 1 could not be done, 2 a link is broken, or the stack file is wrong.

  ./warren verify -s op
  ./warren verify -s op --json | jq .firstBroken`,
    )
    .action(runVerify);
}

async function runVerify(flags: Flags): Promise<void> {
  const looker = await openLooker(stackOf(flags, "verify"));
  try {
    const evidence = await looker.look({ withMetrics: false, withFetches: true, withinMs: flags.within * 1000 });
    if (flags.evidence !== undefined) await writeFile(flags.evidence, toJson(evidence));
    const found = verify(evidence, { productAgeSeconds: flags.maxAge ?? looker.chain.silenceSeconds });
    if (!found.ok) process.exitCode = exitFindings;
    process.stdout.write(flags.json ? toJson(found) : formatVerification(found, wantsColor(process.stdout)));
  } finally {
    looker.close();
  }
}
