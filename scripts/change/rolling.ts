import type { SeriesTraits } from "../../infra/config/series.ts";
import { act, type HostAction } from "../../infra/hosts/act.ts";
import { type RunRecord, runSteps, type StepResult, Stopped } from "../engine/run-record.ts";
import { awaitNoProblem, describeProblem, type Problem, problemOf, problemWithout } from "../inspect/health.ts";
import { type Evidence, holdersOf } from "../inspect/snapshot/evidence.ts";
import { bareSnapshot } from "../inspect/snapshot/snapshot.ts";
import type { HostStep } from "./restart/plan.ts";
import { askInvocations, parseInvocations, type RestartRecord, stepState, unitsLeft } from "./restart/progress.ts";
import type { Report, System } from "./runbook.ts";
import { letBack, letBackByHand, moveAway, moveAwayProblem } from "./step-aside.ts";

/** A run that takes hosts in turn. */
export interface Rolling extends System {
  readonly kept: RunRecord<RestartRecord>;
  readonly record: RestartRecord;
  /** Milliseconds for all to be healthy again after a host. */
  readonly healthyWithinMs: number;
  /** Aborted: the host whose turn it is gets to its end, no other one is begun. */
  readonly signal: AbortSignal;
}

/** One host's turn, as a runbook works on it. Each function throws `Stopped` where it fails. */
export interface HostRun extends HostStep {
  /** Its units that have not restarted since the turn began. */
  readonly unitsLeft: readonly string[];
  /** zx's `$` on the host, through `infra/hosts`: prints the title of a built command, runs it, and waits for its end. @returns its output */
  $(action: HostAction): Promise<string>;
  /** Moves the virtual IP to another host, and waits until its dispatcher works; does nothing where this host doesn't have it. */
  stepAside(): Promise<void>;
  /** Waits until there is no problem. @param judge finds one; the whole system unless given @param forMs without a break */
  healthy(judge?: (evidence: Evidence) => Problem | undefined, forMs?: number): Promise<void>;
  /** Lets the virtual IP back, where it was moved away. */
  comeBack(): Promise<void>;
}

export interface HostResult extends Pick<HostStep, "host" | "units"> {
  readonly outcome: "restarted" | "done before" | "failed" | "not begun";
  readonly seconds?: number;
  /** Why it failed, or was not begun. */
  readonly why?: string;
  readonly remedy?: string;
}

/** A host that comes up needs no longer for its agents' connections and keepalived's checks. */
const gateWithinMs = 60_000;
/** keepalived gives an address away at once; the other host's dispatcher reads its ledger before it works. */
const movesWithinMs = 30_000;

/**
 * Takes hosts in turn, each only while all is healthy and can spare it, and stops at the first that doesn't recover. What has been done is kept on
 * record before and after each step: a run that was killed continues where it was.
 */
export async function rollHosts(turns: Rolling, work: (turn: HostRun) => Promise<void>): Promise<HostResult[]> {
  const { kept, record, signal } = turns;
  const say = sayOf(turns);
  const take = async (host: string): Promise<void> => {
    const beganMs = performance.now();
    const turn = record.turns.find((one) => one.host === host);
    if (!turn) throw new TypeError(`no turn of ${host}`);
    await work(await beginHost(turns, turn));
    record.begun = undefined;
    say(host, `done, all is healthy again; ${Math.round(performance.now() - beganMs) / 1000} s`);
  };
  const hosts = record.turns.map(({ host }) => host);
  const results = await runSteps(kept, record, hosts, take, signal);
  const isBrokenOff = signal.aborted && results.every(({ outcome }) => outcome !== "stopped");
  return record.turns.flatMap((turn, index) => {
    const result = results[index];
    return result ? [hostResult(turn, result, isBrokenOff)] : [];
  });
}

function hostResult(
  { host, units }: HostStep,
  { outcome, seconds, stopped }: StepResult,
  isBrokenOff: boolean,
): HostResult {
  const turn = { host, units };
  const time = seconds === undefined ? {} : { seconds };
  if (outcome === "done before") return { ...turn, outcome };
  if (outcome === "done") return { ...turn, outcome: "restarted", ...time };
  if (outcome === "not begun") return { ...turn, outcome, ...(isBrokenOff ? { why: "broken off before" } : {}) };
  const { message: why = "", remedy } = stopped ?? {};
  return { ...turn, outcome: "failed", ...time, why, ...(remedy ? { remedy } : {}) };
}

/** Whether every host is done. */
export const isAllDone = (results: readonly HostResult[]): boolean =>
  results.every(({ outcome }) => outcome === "restarted" || outcome === "done before");

/** What `restart` and `upgrade` of packages report: exit code 1 where a host is left. */
export const reportOf = (results: readonly HostResult[], json: object, text: string): Report => ({
  json,
  text,
  exitCode: isAllDone(results) ? 0 : 1,
});

const sayOf = ({ record }: Rolling) => {
  const width = Math.max(...record.turns.map(({ host }) => host.length));
  return (host: string, text: string) => void process.stderr.write(`${host.padEnd(width)}  ${text}\n`);
};

/** What keeps a host's turn from beginning now. */
export const problemToStart = (
  evidence: Evidence,
  turn: HostStep | undefined,
  hosts: readonly string[],
  replication: SeriesTraits["replication"],
): Problem | undefined =>
  problemOf(evidence, { hosts }) ?? (turn?.isMember ? problemWithout(evidence, turn.host, replication) : undefined);

async function beginHost(turns: Rolling, turn: HostStep): Promise<HostRun> {
  const { kept, record, replication } = turns;
  const { host } = turn;
  const hosts = record.turns.map((one) => one.host);
  const say = sayOf(turns);
  if (stepState(turn, record) === "to do") {
    const lack = await awaitHealthy(
      turns,
      host,
      (seen) => problemToStart(seen, turn, hosts, replication),
      gateWithinMs,
    );
    if (lack) throw new Stopped([`not begun: ${describeProblem(lack)}`], lack.remedy);
  } else say(host, "was half way; continues");
  const answer = await act(turns.reach, askInvocations(turn));
  if ("why" in answer) throw new Stopped([`can't be asked: ${answer.why}`]);
  const now = parseInvocations(answer.output);
  if (record.begun?.host !== host) {
    record.begun = { host, before: now };
    await kept.write(record);
  }
  return hostRun(turns, turn, unitsLeft(turn, record.begun.before, now));
}

/** @param left see `HostTurn.unitsLeft` */
export function hostRun(turns: Rolling, turn: HostStep, left: readonly string[]): HostRun {
  const { kept, looker, record, reach, healthyWithinMs } = turns;
  const { chain } = looker;
  const { host } = turn;
  const say = sayOf(turns);
  const hosts = record.turns.map((one) => one.host);
  const byHand = letBackByHand(chain, host);
  const $ = async (action: HostAction, remedy?: string): Promise<string> => {
    say(host, action.title);
    const outcome = await act(reach, action);
    if ("why" in outcome) throw new Stopped([`${action.title}: ${outcome.why}`], remedy);
    return outcome.output;
  };
  const setMoved = (movedFrom: string | undefined): Promise<void> => {
    record.movedFrom = movedFrom;
    return kept.write(record);
  };
  const healthy: HostRun["healthy"] = async (judge, forMs = 0) => {
    const isMoved = record.movedFrom === host;
    const all = (seen: Evidence) => problemOf(seen, { hosts, isMoved });
    const lack = await awaitHealthy(turns, host, judge ?? all, healthyWithinMs, forMs);
    const late = judge ? "" : `not healthy again after ${healthyWithinMs / 1000} s: `;
    if (lack) throw new Stopped([`${late}${describeProblem(lack)}`], lack.remedy);
  };
  return {
    ...turn,
    unitsLeft: left,
    $,
    healthy,
    async stepAside() {
      if (record.movedFrom === host || !chain.vip || chain.members.length < 2 || !turn.isMember) return;
      if (!(await holdsAddress(turns, host))) return;
      // On record before it is done: a run that continues must know that the address is to come back.
      await setMoved(host);
      try {
        await $(moveAway(host, awaySeconds(healthyWithinMs)), byHand);
        const lack = await awaitHealthy(turns, host, (seen) => moveAwayProblem(seen, host), movesWithinMs);
        if (lack) throw new Stopped([`the virtual IP did not move: ${lack.evidence}`], lack.remedy);
      } catch (error) {
        if (!("why" in (await act(reach, letBack(host))))) await setMoved(undefined);
        throw error;
      }
    },
    async comeBack() {
      if (record.movedFrom !== host) return;
      await $(letBack(host), byHand);
      await setMoved(undefined);
      await healthy();
    },
  };
}

async function holdsAddress(turns: Rolling, host: string): Promise<boolean> {
  let holders: string[] = [];
  const isSeen = (evidence: Evidence): Problem | undefined => {
    holders = holdersOf(evidence);
    return holders.length === 1 ? undefined : moveAwayProblem(evidence, host);
  };
  const lack = await awaitHealthy(turns, host, isSeen, movesWithinMs);
  if (lack) throw new Stopped([describeProblem(lack)], lack.remedy);
  return holders[0] === host;
}

/** Longer than all work and waiting while the address is away. */
const awaySeconds = (healthyWithinMs: number): number => 900 + Math.ceil(healthyWithinMs / 1000);

function awaitHealthy(
  turns: Rolling,
  host: string,
  judge: (evidence: Evidence) => Problem | undefined,
  withinMs: number,
  forMs = 0,
): Promise<Problem | undefined> {
  const say = sayOf(turns);
  const onLack = (lack: Problem) => say(host, `waits: ${describeProblem(lack)}`);
  return awaitNoProblem(() => turns.looker.look(bareSnapshot), judge, { withinMs, forMs, onLack });
}
