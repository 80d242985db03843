import { act } from "../../../infra/hosts/act.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { awaitNoProblem, describeProblem, type Problem, problemOf } from "../../inspect/health.ts";
import { type Evidence, holdersOf } from "../../inspect/snapshot/evidence.ts";
import { bareSnapshot, type Observer } from "../../inspect/snapshot/snapshot.ts";
import { pause, poll } from "../../lib/poll.ts";
import type { Run } from "../runbook.ts";
import { printedAtMs } from "../undo-timer.ts";
import { accountOf, accountQuestion, type DrillAccount, parseAccount } from "./account.ts";
import type { DrillKind } from "./kinds.ts";
import {
  type DispatcherJournal,
  dispatcherQuestion,
  type MeasuredPhase,
  measurePhase,
  type Phase,
  parseDispatcher,
} from "./measure.ts";

export interface Drill {
  readonly kind: DrillKind;
  readonly observer: Observer;
  readonly reach: Hosts;
  /** The host to break. */
  readonly host: string;
  /** The host that holds the virtual IP. */
  readonly holder: string;
  /** Milliseconds for which it stays broken. */
  readonly holdMs: number;
  /** Milliseconds for the expected state to be reached, and again for the system to recover. */
  readonly movesWithinMs: number;
  /** Aborted: it is repaired at once. */
  readonly signal: AbortSignal;
  /** Has the repair until the system is healthy. */
  readonly broken: Run["broken"];
  say(text: string): void;
}

export interface DrillResult {
  /** While it was broken, and after the repair. */
  readonly phases: readonly MeasuredPhase[];
  /** Undefined if nothing was broken, or a host could not be asked. */
  readonly account?: DrillAccount;
  /** Interrupted by Ctrl-C, and repaired at once. */
  readonly brokenOff: boolean;
  /** What failed: no host took over in time, the repair failed, products are missing. */
  readonly trouble: Trouble[];
}

interface Trouble {
  readonly what: string;
  readonly remedy: string;
}

/** The usual pause is measured in the minute before. */
const beforeMs = 60_000;
/** After the system is healthy, delayed products are sent. */
const afterMs = 3000;
const askWithinMs = 60_000;
const healTries = 3;
/** For delayed products to be placed: a puller waits up to 20 s for another puller's answer. */
const placedWithinMs = 45_000;
const askAccountEveryMs = 1000;

/** Breaks it, repairs it in any case, then reads the journals of dispatchers, radar servers and pullers. */
export async function runDrill(drill: Drill): Promise<DrillResult> {
  const { kind, reach, host, holder, observer, say, signal } = drill;
  const { chain } = observer;
  const trouble: Trouble[] = [];
  const beganMs = Date.now();
  const strike = kind.strike(chain, host, undoneAfterSeconds(drill));
  say(`${host} ${strike.title}`);
  const striking = act(reach, strike);
  const heal = healOnce(drill, striking);
  Object.assign(drill.broken, { heal, host, byHand: kind.healByHand(chain, host) });
  const struck = await striking;
  let during = holder;
  if ("why" in struck) {
    trouble.push({ what: `could not be broken: ${struck.why}`, remedy: kind.healByHand(chain, host) });
  } else {
    const found = await awaitSnapshot(drill, signal, (evidence) => kind.problemUntil(evidence, host));
    during = found.holder ?? holder;
    if (found.problem && !signal.aborted) {
      const what = `the expected state was not reached in time: ${found.problem.host}, ${found.problem.evidence}`;
      trouble.push({ what, remedy: found.problem.remedy });
    } else if (!signal.aborted) {
      say(
        `${during === holder ? "the others continue" : `${during} has the virtual IP and dispatches`}; waiting ${drill.holdMs / 1000} s`,
      );
      await pause(drill.holdMs, signal);
    }
  }
  say(`${host} ${kind.heal(chain, host).title}`);
  const healed = await heal();
  if ("why" in healed) {
    const itself = `${host} repairs itself after ${undoneAfterSeconds(drill)} s`;
    trouble.push({ what: `the repair failed: ${healed.why}; ${itself}`, remedy: kind.healByHand(chain, host) });
  }
  const { problem } = await awaitSnapshot(drill, undefined, (seen) => problemOf(seen, { hosts: kind.needs(chain) }));
  drill.broken.heal = undefined;
  if (problem) trouble.push({ what: `did not recover: ${describeProblem(problem)}`, remedy: problem.remedy });
  else say("the system is healthy again");

  const [struckAtMs, healedAtMs] = [struck, healed].map((one) => ("why" in one ? undefined : printedAtMs(one.output)));
  const brokenOff = signal.aborted;
  if (struckAtMs === undefined || healedAtMs === undefined) return { phases: [], brokenOff, trouble };
  await pause(afterMs);
  const untilMs = Date.now();
  const phases: Phase[] = [
    { what: strike.title, from: holder, to: during, startedAtMs: struckAtMs, untilMs: healedAtMs },
    { what: kind.heal(chain, host).title, from: during, to: holder, startedAtMs: healedAtMs, untilMs },
  ];
  const journals = await askDispatchers(drill, beganMs - beforeMs, trouble);
  const account = await untilPlaced(drill, struckAtMs, untilMs, trouble);
  return {
    phases: phases.map((phase) => measurePhase(phase, journals, beganMs)),
    ...(account ? { account } : {}),
    brokenOff,
    trouble,
  };
}

/** Longer than all waits of the drill. */
const undoneAfterSeconds = ({ holdMs, movesWithinMs }: Drill): number =>
  60 + Math.ceil((holdMs + 2 * movesWithinMs) / 1000);

/** Repairs once, however often it is called, and not before the strike is done. Tries again if the host does not answer at once. */
function healOnce({ kind, observer, reach, host }: Drill, striking: Promise<unknown>): () => ReturnType<typeof act> {
  let done: ReturnType<typeof act> | undefined;
  const action = kind.heal(observer.chain, host);
  const tries = async () => {
    await striking;
    let outcome = await act(reach, action);
    for (let tried = 1; "why" in outcome && tried < healTries; tried += 1) outcome = await act(reach, action);
    return outcome;
  };
  return () => {
    done ??= tries();
    return done;
  };
}

async function awaitSnapshot(
  { observer, movesWithinMs, say }: Drill,
  signal: AbortSignal | undefined,
  judge: (evidence: Evidence) => Problem | undefined,
): Promise<{ readonly problem: Problem | undefined; readonly holder: string | undefined }> {
  let holder: string | undefined;
  const snapshot = async (): Promise<Evidence> => {
    const evidence = await observer.snapshot(bareSnapshot);
    holder = holdersOf(evidence)[0];
    return evidence;
  };
  const onProblem = ({ host, evidence }: Problem) => say(`waiting: ${host}: ${evidence}`);
  try {
    return { problem: await awaitNoProblem(snapshot, judge, { withinMs: movesWithinMs, signal, onProblem }), holder };
  } catch (error) {
    if (!signal?.aborted) throw error;
    return { problem: undefined, holder };
  }
}

async function askDispatchers(
  { observer, reach }: Drill,
  sinceMs: number,
  trouble: Trouble[],
): Promise<DispatcherJournal[]> {
  const { chain } = observer;
  const answers = chain.dispatchers.map((host) => {
    const question = dispatcherQuestion(chain, host, sinceMs, Date.now());
    return reach.ask(host, question, (text) => parseDispatcher(host, text), askWithinMs);
  });
  return answersOf(chain.stack, chain.dispatchers, await Promise.all(answers), trouble) ?? [];
}

/** The account of products announced during the drill, read until all are placed or the time is over. */
async function untilPlaced(
  { observer, reach }: Drill,
  fromMs: number,
  untilMs: number,
  trouble: Trouble[],
): Promise<DrillAccount | undefined> {
  const { stack, urps, pdses } = observer.chain;
  const hosts = [...new Set([...urps, ...pdses])];
  let account: DrillAccount | undefined;
  const isOver = async () => {
    const asked = hosts.map((host) => reach.ask(host, accountQuestion(fromMs), parseAccount, askWithinMs));
    const found = answersOf(stack, hosts, await Promise.all(asked), trouble);
    account = found && accountOf(found, fromMs, untilMs);
    return !account || account.lost.length === 0;
  };
  await poll(isOver, { everyMs: askAccountEveryMs, withinMs: placedWithinMs });
  if (account) trouble.push(...missing(account, stack));
  return account;
}

function missing({ lost, repeated }: DrillAccount, stack: string): Trouble[] {
  const report = (what: string, [first, ...more]: readonly string[]): Trouble[] =>
    first === undefined
      ? []
      : [
          {
            what: `${more.length + 1} products ${what}, e.g. ${first}`,
            remedy: `./warren trace ${first} -s ${stack}`,
          },
        ];
  return [...report("were announced, but no puller has placed them", lost), ...report("were placed twice", repeated)];
}

/** Adds hosts without an answer to `trouble`. @returns undefined if there is any */
function answersOf<Answer>(
  stack: string,
  hosts: readonly string[],
  answers: readonly (Answer | Unreachable)[],
  trouble: Trouble[],
): Answer[] | undefined {
  const found: Answer[] = [];
  for (const [index, answer] of answers.entries()) {
    if (typeof answer === "object" && answer !== null && "unreachable" in answer) {
      const what = `the journals of ${hosts[index]} can't be read: ${answer.unreachable}`;
      trouble.push({ what, remedy: `./warren verify -s ${stack}` });
    } else found.push(answer as Answer);
  }
  return found.length === hosts.length ? found : undefined;
}
