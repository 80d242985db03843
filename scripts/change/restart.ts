import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { membershipAmong } from "../../infra/commands/membership.ts";
import { traitsOf } from "../../infra/config/series.ts";
import { openHosts } from "../engine/hosts.ts";
import { runRecord } from "../engine/run-record.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { withStackLock } from "../engine/stack-lock.ts";
import { type Evidence, holdersOf } from "../inspect/look/evidence.ts";
import { bareLook, type Looker, openLooker } from "../inspect/look/look.ts";
import { describeLack, type Lack, lackBefore, lackOf, lackWithout } from "../inspect/wholeness.ts";
import { confirm } from "../lib/confirm.ts";
import { interruptibleTwice } from "../lib/interruption.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson, words } from "../lib/options.ts";
import { actionsOf } from "./restart/actions.ts";
import { planTurns, type Service, services, type Turn } from "./restart/plan.ts";
import { otherTurns, type RestartRecord, restartRecord, turnState } from "./restart/progress.ts";
import { formatPlan, formatRestart, type PlannedTurn } from "./restart/report.ts";
import { type Restart, runTurns, type TurnResult } from "./restart/run.ts";

interface Flags extends RunbookFlags {
  readonly host?: readonly string[];
  readonly only?: readonly Service[];
  readonly wait: number;
  readonly again?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

const waitSeconds = 300;

/** `./warren restart -s STACK`: rolling restart, one host at a time. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--host <names>", "only these, with commas between them", words)
    .option("--only <services>", `only these of ${services.join(", ")}`, readServices)
    .option("--wait <seconds>", "for all to be whole again after a host", seconds, waitSeconds)
    .option("--again", "begin anew, though an earlier restart was broken off")
    .option("--dry-run", "show the plan, and end")
    .option("-y, --yes", "don't ask; needed where there is no terminal to ask on")
    .addHelpText(
      "after",
      `
One host at a time: pullers' and radar servers' first, then brokers, the host with the virtual IP last. Before each host all has to be whole, and each
queue able to go on without it; the virtual IP is moved away first, and let back afterwards. After each host all has to be whole again in time; at the
first where it isn't it stops, and says what is lacking. The same command goes on, also after a kill: what was restarted is not restarted again.
Ctrl-C ends after the host whose turn it is; once more ends at once, and what a host was told it brings to its end.
--json: {ok, finding: {host, id, step, evidence, remedy} | null, turns: [{host, units, outcome, seconds?, why?, remedy?}]}
Exit codes: 0 all restarted and whole, 1 stopped half way, 2 something is wrong before, and nothing was done, or the stack file is wrong; 130 Ctrl-C.

  ./warren restart -s op --dry-run
  ./warren restart -s op --only broker
  ./warren restart -s op --only puller --host pds-1,pds-2 --yes`,
    )
    .action(runRestart);
}

async function runRestart(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "restart");
  const config = readCommittedConfig(stack);
  const looker = await openLooker(stack);
  const kept = runRecord("restart", stack, restartRecord);
  try {
    const reach = await openHosts(stack, config);
    const evidence = await looker.look(bareLook);
    const broker = config.brokers[looker.chain.broker];
    if (!broker) throw new TypeError(`no broker ${looker.chain.broker}`);
    const { replication } = traitsOf(broker.series);
    const record = recordOf(flags, evidence, flags.again ? undefined : await kept.read());
    const turns = plannedTurns(record, evidence);
    process.stderr.write(formatPlan(looker.chain, replication, turns));
    const finding = await findingBefore(looker, turns, replication);
    if (finding) process.stderr.write(`✗ ${describeLack(finding)}\n  remedy: ${finding.remedy}\n`);
    if (finding || flags.dryRun) {
      if (finding) process.exitCode = exitFindings;
      if (flags.json) process.stdout.write(toJson({ ok: !finding, finding: finding ?? null, turns: notBegun(turns) }));
      return;
    }
    await confirm({ verb: "restart", text: `restart these units of ${stack}`, yes: flags.yes });
    const width = Math.max(...turns.map(({ host }) => host.length));
    await interruptibleTwice(
      {
        verb: "restart",
        first: "ending after this host; once more ends at once",
        second: () => `ended half way; ./warren restart -s ${stack} goes on`,
      },
      async (signal) => {
        const isQuorum = replication === "quorum";
        const membershipOf = (host: string) => membershipAmong(broker.members, host, isQuorum);
        const actions = ({ host, isMember }: Turn, left: readonly string[]) =>
          actionsOf(host, left, isMember ? membershipOf(host) : undefined);
        const say = (host: string, text: string) => void process.stderr.write(`${host.padEnd(width)}  ${text}\n`);
        const wholeWithinMs = flags.wait * 1000;
        const restart: Restart = { looker, reach, replication, actionsOf: actions, kept, wholeWithinMs, signal, say };
        const results = await withStackLock({ stack, verb: "restart", say: (text) => say(stack, text) }, async () => {
          await kept.write(record);
          return runTurns(restart, record);
        });
        tell(stack, flags, results);
      },
    );
  } finally {
    looker.close();
  }
}

function tell(stack: string, { json }: Flags, results: readonly TurnResult[]): void {
  const ok = results.every(({ outcome }) => outcome === "restarted" || outcome === "done before");
  if (!ok) process.exitCode = 1;
  process.stdout.write(json ? toJson({ ok, finding: null, turns: results }) : formatRestart(stack, results));
}

/** The record of a restart that was broken off, or a new one. @throws UserError where that was another restart */
function recordOf(
  { host, only, stack, name }: Flags,
  evidence: Evidence,
  before: RestartRecord | undefined,
): RestartRecord {
  const choice = { hosts: host, services: only };
  if (!before) {
    const turns = planTurns(evidence.chain, holdersOf(evidence)[0], choice);
    return { startedAt: new Date().toISOString(), turns, done: [] };
  }
  const isChosen = host !== undefined || only !== undefined;
  const isGone = before.turns.some((turn) => !evidence.chain.hosts.some(({ name: found }) => found === turn.host));
  const other = isChosen || isGone ? otherTurns(before, planTurns(evidence.chain, undefined, choice)) : undefined;
  const subject = name ?? stack ?? "restart";
  if (other === undefined) {
    process.stderr.write(`goes on with the restart of ${before.startedAt} (--again begins anew)\n`);
    return before;
  }
  throw new UserError(
    `stack ${subject}`,
    `a restart of ${before.startedAt} was broken off; it was of ${other}`,
    `${isGone ? "" : `./warren restart -s ${subject} goes on with it; `}--again leaves it, and begins this one`,
  );
}

function plannedTurns(record: RestartRecord, evidence: Evidence): PlannedTurn[] {
  const holders = holdersOf(evidence);
  return record.turns.map((turn) => ({
    ...turn,
    state: turnState(turn, record),
    holdsAddress: holders.includes(turn.host),
  }));
}

/** What is wrong before anything is done. Where a restart was broken off half way through a host, that host may lack anything. */
async function findingBefore(
  looker: Looker,
  turns: readonly PlannedTurn[],
  replication: Restart["replication"],
): Promise<Lack | undefined> {
  if (turns.some(({ state }) => state === "half way")) return undefined;
  const hosts = turns.map(({ host }) => host);
  const next = turns.find(({ state }) => state === "to do");
  const judge = (evidence: Evidence) =>
    lackOf(evidence, { hosts }) ?? (next?.isMember ? lackWithout(evidence, next.host, replication) : undefined);
  const look = () => looker.look(bareLook);
  return lackBefore(look, judge);
}

const notBegun = (turns: readonly PlannedTurn[]) =>
  turns.map(({ host, units, state }) => ({ host, units, outcome: "not begun", state }));

function readServices(text: string, before: readonly Service[] = []): Service[] {
  return words(text, before).map((word) => {
    const found = services.find((service) => service === word);
    if (found) return found;
    throw new InvalidArgumentError(`there is no ${word}; there are ${services.join(", ")}.`);
  });
}
