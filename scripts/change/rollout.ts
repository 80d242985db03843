import type { Command } from "commander";
import { z } from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import { traitsOf } from "../../infra/config/series.ts";
import type { Hosts } from "../../infra/hosts/connect.ts";
import { openHosts } from "../engine/hosts.ts";
import { type RunRecord, runRecord } from "../engine/run-record.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { withStackLock } from "../engine/stack-lock.ts";
import { freeEngine } from "../engine/toolchain/engine-lock.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { holdersOf } from "../inspect/look/evidence.ts";
import { bareLook, openLooker } from "../inspect/look/look.ts";
import { describeLack, lackBefore, lackOf } from "../inspect/wholeness.ts";
import { confirm } from "../lib/confirm.ts";
import { interruptibleTwice } from "../lib/interruption.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "../lib/options.ts";
import { planTurns, type Turn } from "./restart/plan.ts";
import { restartRecord } from "./restart/progress.ts";
import { type Restart, runTurns, type TurnResult } from "./restart/run.ts";
import { type EngineContext, up } from "./restore/engine.ts";
import { stage, take } from "./rollout/actions.ts";
import type { Change } from "./rollout/changes.ts";
import { changesId, lookForChanges } from "./rollout/look.ts";
import { formatPlan, tell } from "./rollout/report.ts";
import { giveAllBack, unwell, unwellBefore } from "./rollout/run.ts";

interface Flags extends RunbookFlags {
  readonly wait: number;
  readonly steady: number;
  readonly dryRun?: true;
  readonly yes?: true;
}

const waitSeconds = 120;
const steadySeconds = 10;

/** `./warren rollout -s STACK`: new agents, one host at a time, and back to the former ones where one isn't well. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--wait <seconds>", "for all to be whole and well after a host", seconds, waitSeconds)
    .option("--steady <seconds>", "for which a new agent has to be well without a break", seconds, steadySeconds)
    .option("--dry-run", "show the plan, and end")
    .option("-y, --yes", "don't ask; needed where there is no terminal to ask on")
    .addHelpText(
      "after",
      `
Bundles the agents of this checkout, and brings them to the hosts that run others: pullers and radar servers first, one at a time, then the dispatchers
that wait, then the one with the virtual IP, which is moved away first and let back. Each has to come up and to be well for a while, all whole, before the
next one. At the first that isn't, all that were done run with the former agents again. Broken off in whatever way, the same command goes on. At the
end \`up\` keeps in the stack what the hosts run. Other changes are none of a rollout: \`up\` makes those.
--json: {ok, backOn: [host], turns: [{host, units, outcome, seconds?, why?, remedy?}]}
Exit codes: 0 all run with the new agents, or nothing is new; 1 back to the former ones, or stopped; 2 something is wrong before, and nothing was done.

  ./warren rollout -s op --dry-run
  ./warren rollout -s op
  ./warren rollout -s op --steady 60 --yes`,
    )
    .action(rollout);
}

const rolloutRecord = restartRecord.extend({
  /** Which programs. */
  changes: z.string(),
  /** Why it goes back to the former ones. */
  backFor: z.string().optional(),
});
type RolloutRecord = z.infer<typeof rolloutRecord>;

async function rollout(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "rollout");
  const config = readCommittedConfig(stack);
  const broker = config.brokers[config.announcements.broker];
  if (!broker) throw new TypeError(`no broker ${config.announcements.broker}`);
  const { changes, others } = await lookForChanges(stack);
  if (others.length > 0) {
    const what = `more than agents differs from what was made last: ${others.slice(0, 5).join(", ")}${others.length > 5 ? ", …" : ""}`;
    throw new UserError(
      `stack ${stack}`,
      what,
      `./warren preview -s ${stack}; up makes all of it, agents in the same order`,
    );
  }
  const kept = runRecord("rollout", stack, rolloutRecord);
  if (changes.length === 0) {
    await forgetDone(stack, kept);
    process.stdout.write(
      flags.json
        ? toJson({ ok: true, backOn: [], turns: [] })
        : "nothing is new: all run the agents of this checkout\n",
    );
    return;
  }
  const looker = await openLooker(stack);
  try {
    const reach = await openHosts(stack, config);
    const look = () => looker.look(bareLook);
    const evidence = await look();
    const record = recordOf(changes, planTurns(evidence.chain, holdersOf(evidence)[0], {}), await kept.read());
    const hosts = record.turns.map(({ host }) => host);
    process.stderr.write(formatPlan(record, changes));
    const isBegun = record.done.length > 0 || record.begun !== undefined;
    const finding = isBegun ? undefined : await lackBefore(look, (seen) => lackOf(seen, { hosts }));
    if (finding) process.stderr.write(`✗ ${describeLack(finding)}\n  remedy: ${finding.remedy}\n`);
    if (finding) process.exitCode = exitFindings;
    if (finding || flags.dryRun) return;
    await confirm({ verb: "rollout", text: `roll these out on ${stack}`, yes: flags.yes });
    const before = unwellBefore(evidence);
    await interruptibleTwice(
      {
        verb: "rollout",
        first: "ending after this host; once more ends at once",
        second: () => `ended half way; ./warren rollout -s ${stack} goes on`,
      },
      async (signal) => {
        const say = (host: string, text: string) => void process.stderr.write(`${host}  ${text}\n`);
        const restart: Restart = {
          ...{ looker, reach, kept, signal, say, wholeWithinMs: flags.wait * 1000 },
          replication: traitsOf(broker.series).replication,
          actionsOf: ({ host }) => changes.filter((change) => change.host === host).map(take),
          steady: { forMs: flags.steady * 1000, judge: (seen, turn) => unwell(seen, turn, before) },
        };
        await withStackLock({ stack, verb: "rollout", say: (text) => say(stack, text) }, () =>
          rollOut({ stack, flags, restart, record, changes, kept, reach }),
        );
      },
    );
  } finally {
    looker.close();
  }
}

/** @throws UserError where one was broken off that only goes on with the agents it was of */
async function forgetDone(stack: string, kept: RunRecord<RolloutRecord>): Promise<void> {
  const before = await kept.read();
  await kept.remove();
  const hosts = [...(before?.done ?? []), ...(before?.begun ? [before.begun.host] : [])];
  if (hosts.length === 0) return;
  const what = `a rollout was broken off, and other agents than this checkout's may run on ${hosts.join(", ")}`;
  throw new UserError(`stack ${stack}`, what, `./warren up -s ${stack} brings back those of this checkout`);
}

interface Work {
  readonly stack: string;
  readonly flags: Flags;
  readonly restart: Restart;
  readonly record: RolloutRecord;
  readonly changes: readonly Change[];
  readonly kept: RunRecord<RolloutRecord>;
  readonly reach: Hosts;
}

async function rollOut({ stack, flags, restart, record, changes, kept, reach }: Work): Promise<void> {
  await kept.write(record);
  let turns: TurnResult[] = [];
  if (record.backFor === undefined) {
    await Promise.all(changes.map(({ host, programs }) => Promise.all(programs.map((one) => stage(reach, host, one)))));
    turns = await runTurns(restart, record);
    const failed = turns.find(({ outcome }) => outcome === "failed");
    // Before a host's turn nothing has been done on it: what is wrong then is none of a new agent's.
    if (failed && record.begun?.host === failed.host) record.backFor = `${failed.host}: ${failed.why}`;
  }
  if (record.backFor !== undefined) return goBack({ stack, flags, restart, record, changes, kept, reach }, turns);
  const ok = turns.every(({ outcome }) => outcome === "restarted" || outcome === "done before");
  if (ok) {
    const toolchain = await ensureToolchain({ signal: restart.signal });
    const say = (text: string) => restart.say(stack, text);
    const engine: EngineContext = { stack, toolchain, signal: restart.signal, say, quiet: true };
    restart.say(stack, "up keeps what the hosts run");
    await freeEngine(engine);
    // Killed from here on, nothing else tells that the hosts run others than the stack has.
    await kept.write(record);
    await up(engine)
      .catch((cause: Error) => {
        const remedy = `the new agents run on all hosts; mend it, then: ./warren up -s ${stack}`;
        throw new UserError(`stack ${stack}`, `up could not keep what the hosts run: ${cause.message}`, remedy, {
          cause,
        });
      })
      .finally(() => kept.remove());
  } else process.exitCode = 1;
  tell(flags, ok, [], turns, ok ? "" : `  then: ./warren rollout -s ${stack} goes on\n`);
}

async function goBack(
  { stack, flags, restart, record, changes, kept }: Work,
  turns: readonly TurnResult[],
): Promise<void> {
  process.exitCode = 1;
  await kept.write(record);
  process.stderr.write(`✗ ${record.backFor}\nback to the former agents\n`);
  const hosts = new Set([...(record.begun ? [record.begun.host] : []), ...record.done]);
  const trouble = await giveAllBack(restart, record, changes);
  if (trouble.length === 0) await kept.remove();
  const text = [
    ...(turns.length === 0 ? [`✗ ${record.backFor}`] : []),
    ...trouble.map((one) => `✗ ${one}`),
    trouble.length === 0
      ? `the former agents run again on ${[...hosts].join(", ")}; an up would bring the new ones once more: mend them first`
      : `./warren rollout -s ${stack} goes on with the way back`,
    "",
  ];
  tell(flags, false, [...hosts], turns, text.join("\n"));
}

/** The record of a rollout of the same programs that was broken off, or a new one. Programs that differ again begin anew. */
function recordOf(changes: readonly Change[], all: readonly Turn[], before: RolloutRecord | undefined): RolloutRecord {
  const id = changesId(changes);
  if (before && (before.changes === id || before.backFor !== undefined)) {
    process.stderr.write(`goes on with the rollout of ${before.startedAt}\n`);
    return before;
  }
  const turns = all.flatMap((turn) => {
    const units = turn.units.filter((unit) => changes.some((one) => one.host === turn.host && one.unit === unit));
    return units.length > 0 ? [{ ...turn, units }] : [];
  });
  return { startedAt: new Date().toISOString(), turns, done: [], changes: id };
}
