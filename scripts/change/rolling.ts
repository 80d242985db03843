import type { SeriesTraits } from "../../infra/config/series.ts";
import { act, type HostAction } from "../../infra/hosts/act.ts";
import { type RunRecord, runSteps, type StepResult, Stopped } from "../engine/run-record.ts";
import { awaitNoProblem, describeProblem, type Problem, problemOf, problemWithout } from "../inspect/health.ts";
import { type Evidence, holdersOf } from "../inspect/snapshot/evidence.ts";
import { bareSnapshot } from "../inspect/snapshot/snapshot.ts";
import type { HostStep } from "./restart/plan.ts";
import { askInvocations, parseInvocations, type RestartRecord, stepState, unitsLeft } from "./restart/progress.ts";
import type { Report, System } from "./runbook.ts";
import { allowBack, allowBackByHand, moveAway, moveAwayProblem } from "./step-aside.ts";

/** A run that works on one host after the other. */
export interface Rolling extends System {
  readonly kept: RunRecord<RestartRecord>;
  readonly record: RestartRecord;
  /** Milliseconds within which the system must recover after each host. */
  readonly healthyWithinMs: number;
  /** Aborted: the current host is finished, and no other host is started. */
  readonly signal: AbortSignal;
}

/** One host's turn, as a runbook works on it. Each function throws `Stopped` when it fails. */
export interface HostRun extends HostStep {
  /** Its units that have not been restarted since the turn began. */
  readonly unitsLeft: readonly string[];
  /** zx's `$` on the host, through `infra/hosts`: prints the title of a built command, runs it, and waits until it exits. @returns its output */
  $(action: HostAction): Promise<string>;
  /** Moves the virtual IP to another host, and waits until the dispatcher there is active. Does nothing if this host does not hold the address. */
  stepAside(): Promise<void>;
  /** Waits until there is no problem. @param judge finds one; by default in the whole system @param forMs how long without interruption */
  healthy(judge?: (evidence: Evidence) => Problem | undefined, forMs?: number): Promise<void>;
  /** Allows the virtual IP back if it was moved away. */
  comeBack(): Promise<void>;
}

export interface HostResult extends Pick<HostStep, "host" | "units"> {
  readonly outcome: "restarted" | "done before" | "failed" | "not begun";
  readonly seconds?: number;
  /** Why it failed, or was not begun. */
  readonly why?: string;
  readonly remedy?: string;
}

/** After a host has started, its agents' connections and keepalived's checks need no longer than this. */
const gateWithinMs = 60_000;
/** keepalived releases an address at once; the other host's dispatcher reads its ledger before it becomes active. */
const movesWithinMs = 30_000;

/**
 * Works on one host after the other. Each host starts only when the system is healthy and can spare it; the first host that does not recover stops the
 * run. Progress is recorded before and after each step, so a run that was killed continues where it stopped.
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
    say(host, `done, the system is healthy; ${Math.round(performance.now() - beganMs) / 1000} s`);
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
  if (outcome === "not begun")
    return { ...turn, outcome, ...(isBrokenOff ? { why: "interrupted before it started" } : {}) };
  const { message: why = "", remedy } = stopped ?? {};
  return { ...turn, outcome: "failed", ...time, why, ...(remedy ? { remedy } : {}) };
}

/** Whether every host is done. */
export const isAllDone = (results: readonly HostResult[]): boolean =>
  results.every(({ outcome }) => outcome === "restarted" || outcome === "done before");

/** The report of `restart` and of package upgrades: exit code 1 if a host is left. */
export const reportOf = (results: readonly HostResult[], json: object, text: string): Report => ({
  json,
  text,
  exitCode: isAllDone(results) ? 0 : 1,
});

const sayOf = ({ record }: Rolling) => {
  const width = Math.max(...record.turns.map(({ host }) => host.length));
  return (host: string, text: string) => void process.stderr.write(`${host.padEnd(width)}  ${text}\n`);
};

/** The problem that prevents a host's turn from starting now. */
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
    const problem = await awaitHealthy(
      turns,
      host,
      (seen) => problemToStart(seen, turn, hosts, replication),
      gateWithinMs,
    );
    if (problem) throw new Stopped([`not started: ${describeProblem(problem)}`], problem.remedy);
  } else say(host, "was interrupted in the middle; continues");
  const answer = await act(turns.reach, askInvocations(turn));
  if ("why" in answer) throw new Stopped([`can't be asked: ${answer.why}`]);
  const now = parseInvocations(answer.output);
  if (record.begun?.host !== host) {
    record.begun = { host, before: now };
    await kept.write(record);
  }
  return hostRun(turns, turn, unitsLeft(turn, record.begun.before, now));
}

/** @param left see `HostRun.unitsLeft` */
export function hostRun(turns: Rolling, turn: HostStep, left: readonly string[]): HostRun {
  const { kept, observer, record, reach, healthyWithinMs } = turns;
  const { chain } = observer;
  const { host } = turn;
  const say = sayOf(turns);
  const hosts = record.turns.map((one) => one.host);
  const byHand = allowBackByHand(chain, host);
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
    const problem = await awaitHealthy(turns, host, judge ?? all, healthyWithinMs, forMs);
    const late = judge ? "" : `not healthy within ${healthyWithinMs / 1000} s: `;
    if (problem) throw new Stopped([`${late}${describeProblem(problem)}`], problem.remedy);
  };
  return {
    ...turn,
    unitsLeft: left,
    $,
    healthy,
    async stepAside() {
      if (record.movedFrom === host || !chain.vip || chain.members.length < 2 || !turn.isMember) return;
      if (!(await holdsAddress(turns, host))) return;
      // Recorded before the move: a run that continues must know that the address has to be allowed back.
      await setMoved(host);
      try {
        await $(moveAway(host, awaySeconds(healthyWithinMs)), byHand);
        const problem = await awaitHealthy(turns, host, (seen) => moveAwayProblem(seen, host), movesWithinMs);
        if (problem) throw new Stopped([`the virtual IP did not move: ${problem.evidence}`], problem.remedy);
      } catch (error) {
        if (!("why" in (await act(reach, allowBack(host))))) await setMoved(undefined);
        throw error;
      }
    },
    async comeBack() {
      if (record.movedFrom !== host) return;
      await $(allowBack(host), byHand);
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
  const problem = await awaitHealthy(turns, host, isSeen, movesWithinMs);
  if (problem) throw new Stopped([describeProblem(problem)], problem.remedy);
  return holders[0] === host;
}

/** Longer than all work and waits while the address is away. */
const awaySeconds = (healthyWithinMs: number): number => 900 + Math.ceil(healthyWithinMs / 1000);

function awaitHealthy(
  turns: Rolling,
  host: string,
  judge: (evidence: Evidence) => Problem | undefined,
  withinMs: number,
  forMs = 0,
): Promise<Problem | undefined> {
  const say = sayOf(turns);
  const onProblem = (problem: Problem) => say(host, `waiting: ${describeProblem(problem)}`);
  return awaitNoProblem(() => turns.observer.snapshot(bareSnapshot), judge, { withinMs, forMs, onProblem });
}
