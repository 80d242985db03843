import { setTimeout as sleep } from "node:timers/promises";
import { act } from "../lib/host-action.ts";
import { lackAway, letBack, letBackByHand, moveAway, toldAtMs } from "../lib/stand-back.ts";
import { awaitNoLack, type Lack, lackOf } from "../lib/wholeness.ts";
import { type Evidence, holdersOf } from "../runbook/evidence.ts";
import type { Looker } from "../runbook/look.ts";
import type { Reach } from "../runbook/reach.ts";
import {
  type DispatcherWords,
  type MeasuredMove,
  type Move,
  measureMove,
  parseWords,
  wordsQuestion,
} from "./measure.ts";

export interface Drill {
  readonly looker: Looker;
  readonly reach: Reach;
  /** Has the virtual IP. */
  readonly from: string;
  /** Milliseconds for which it stays away. */
  readonly holdMs: number;
  /** Milliseconds for each move. */
  readonly movesWithinMs: number;
  /** Aborted: it comes back at once. */
  readonly signal: AbortSignal;
  /** Called with what lets the address back, and without it when it is back. */
  onMoved(heal: (() => Promise<unknown>) | undefined): void;
  say(text: string): void;
}

export interface DrillResult {
  readonly moves: readonly MeasuredMove[];
  /** What was not as it should be: a move that did not end in time, an address that could not be let back. */
  readonly trouble: readonly { readonly what: string; readonly remedy: string }[];
}

/** Of the minute before, what is usual is taken. */
const beforeMs = 60_000;
/** After the address is back: what was held up goes out. */
const afterMs = 3000;
const wordsMs = 60_000;
const letBackTries = 3;
const lookOptions = { withMetrics: false, withFetches: false };

/** Moves the address away, and whatever becomes of that, back; then asks the dispatchers what it was like. */
export async function runDrill(drill: Drill): Promise<DrillResult> {
  const { reach, from, looker, say, signal } = drill;
  const trouble: DrillResult["trouble"][number][] = [];
  const moves: (Move & { readonly untilMs: number })[] = [];
  const beganMs = Date.now();
  say(`${from} gives the virtual IP away`);
  const moving = act(reach, moveAway(from, awaySeconds(drill)));
  const back = letBackUntilHeard(drill, moving);
  drill.onMoved(back);
  const away = await moving;
  let to: string | undefined;
  if ("why" in away) {
    trouble.push({ what: `the virtual IP can't be moved: ${away.why}`, remedy: letBackByHand(looker.chain, from) });
  } else {
    let lack: Lack | undefined;
    ({ lack, holder: to } = await awaitHolder(drill, (evidence) => lackAway(evidence, from)));
    if (lack && !signal.aborted) {
      trouble.push({ what: `it did not move in time: ${lack.host}, ${lack.evidence}`, remedy: lack.remedy });
    } else if (to !== undefined && !signal.aborted) {
      say(`${to} has it, and dispatches; stays for ${drill.holdMs / 1000} s`);
      await sleep(drill.holdMs, undefined, { signal }).catch(() => {});
    }
  }
  say(`${from} may have it again`);
  const returned = await back();
  if ("why" in returned) {
    trouble.push({
      what: `the virtual IP can't be let back: ${returned.why}; ${from} lets it back itself after ${awaySeconds(drill)} s`,
      remedy: letBackByHand(looker.chain, from),
    });
  }
  const { lack } = await awaitHolder({ ...drill, signal: undefined }, (evidence) => lackOf(evidence, { hosts: [] }));
  drill.onMoved(undefined);
  if (lack) trouble.push({ what: `not as before: ${lack.host}, ${lack.step}: ${lack.evidence}`, remedy: lack.remedy });
  else say(`${from} has it again, and all is whole`);

  const toldAway = "why" in away ? undefined : toldAtMs(away.output);
  const toldBack = "why" in returned ? undefined : toldAtMs(returned.output);
  if (toldAway !== undefined && toldBack !== undefined && to !== undefined) {
    await sleep(afterMs);
    moves.push({ from, to, toldAtMs: toldAway, untilMs: toldBack });
    moves.push({ from: to, to: from, toldAtMs: toldBack, untilMs: Number.POSITIVE_INFINITY });
  }
  const words = moves.length > 0 ? await askWords(drill, beganMs - beforeMs, trouble) : [];
  const measured = moves.map(({ untilMs, ...move }) =>
    measureMove(move, untilMs, words, Math.min(beganMs, move.toldAtMs)),
  );
  return { moves: measured, trouble };
}

/** Longer than all that the drill waits for. */
const awaySeconds = ({ holdMs, movesWithinMs }: Drill): number => 60 + Math.ceil((holdMs + 2 * movesWithinMs) / 1000);

/** A host may not answer at once. Done once, however often it is called, and not before what it undoes is done. */
function letBackUntilHeard({ reach, from }: Drill, moving: Promise<unknown>): () => ReturnType<typeof act> {
  let done: ReturnType<typeof act> | undefined;
  const tries = async () => {
    await moving;
    let outcome = await act(reach, letBack(from));
    for (let tried = 1; "why" in outcome && tried < letBackTries; tried += 1) outcome = await act(reach, letBack(from));
    return outcome;
  };
  return () => {
    done ??= tries();
    return done;
  };
}

async function awaitHolder(
  {
    looker,
    movesWithinMs,
    say,
    signal,
  }: Pick<Drill, "looker" | "movesWithinMs" | "say"> & {
    readonly signal: AbortSignal | undefined;
  },
  judge: (evidence: Evidence) => Lack | undefined,
): Promise<{ readonly lack: Lack | undefined; readonly holder: string | undefined }> {
  let holder: string | undefined;
  const look = async (): Promise<Evidence> => {
    const evidence = await looker.look(lookOptions);
    holder = holdersOf(evidence)[0];
    return evidence;
  };
  const onLack = ({ host, evidence }: Lack) => say(`waits: ${host}: ${evidence}`);
  try {
    return { lack: await awaitNoLack(look, judge, { withinMs: movesWithinMs, signal, onLack }), holder };
  } catch (error) {
    if (!signal?.aborted) throw error;
    return { lack: undefined, holder };
  }
}

async function askWords(
  { looker, reach }: Drill,
  sinceMs: number,
  trouble: DrillResult["trouble"][number][],
): Promise<DispatcherWords[]> {
  const { chain } = looker;
  const found = await Promise.all(
    chain.dispatchers.map(async (host) => {
      const question = wordsQuestion(chain, host, sinceMs, Date.now());
      const answer = await reach.ask(host, question, (text) => parseWords(host, text), wordsMs);
      if (!("unreachable" in answer)) return [answer];
      const what = `${host} can't be asked what it dispatched: ${answer.unreachable}`;
      trouble.push({ what, remedy: `./warren verify -s ${chain.stack}` });
      return [];
    }),
  );
  return found.flat();
}
