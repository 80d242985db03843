import { type LogEvent, logEvents } from "../../../agents/lib/log-events.ts";
import { quote } from "../../../infra/commands/command.ts";
import { section } from "../../../infra/commands/sections.ts";
import { eventOf, journalQuestion, type LogLine, parseJournal } from "../../inspect/logs/journal.ts";
import { askJournal, readJournal } from "../../inspect/snapshot/agent-journal.ts";
import { type Chain, chainHostOf } from "../../inspect/snapshot/chain.ts";

/** When a dispatcher accepted a product for sending: at its first announcement. */
export interface Dispatched {
  readonly key: string;
  readonly atMs: number;
}

/** A dispatcher's journal and log for the time of a drill, by its host's clock. */
export interface DispatcherJournal {
  readonly dispatched: readonly Dispatched[];
  readonly log: readonly LogLine[];
}

/** Far more than a drill produces: a hundred thousand lines of 200 bytes. */
const arrivals = { seconds: 20, bytes: 20_000_000 };
const journalLinesMax = 1000;

const logSection = section("log");

/** A read-only script for a dispatcher's host; `parseDispatcher` reads its answer. */
export function dispatcherQuestion(chain: Chain, host: string, sinceMs: number, nowMs: number): string {
  const unit = chainHostOf(chain, host).agents.find(({ name }) => name === "dispatcher")?.unit ?? "";
  const sinceSeconds = Math.max(1, (nowMs - sinceMs) / 1000);
  const journal = journalQuestion({ units: [unit], sinceSeconds, linesMax: journalLinesMax });
  const sent = askJournal("dispatcher", { sinceMs, bounds: arrivals });
  return `export LC_ALL=C\n${sent}\necho ${quote(logSection)}\n${journal}`;
}

/** @returns undefined if the answer is incomplete */
export function parseDispatcher(host: string, answer: string): DispatcherJournal | undefined {
  const [first, rest] = answer.split(`${logSection}\n`);
  if (first === undefined || rest === undefined) return undefined;
  const log = parseJournal(host, rest);
  if (!log) return undefined;
  const dispatched = readJournal(first.split("\n")).flatMap((line): Dispatched[] =>
    line.event === "sent" ? [{ key: line.key, atMs: line.timeMs }] : [],
  );
  return { dispatched, log };
}

/**
 * When products were sent, in order. A dispatcher knows the time of its own products to the millisecond. For products of another dispatcher it has a later
 * time: when it read them from its ledger, or the next full second. The earliest time of a product is therefore the exact one. Pure.
 */
export function dispatchTimes(journals: readonly DispatcherJournal[]): number[] {
  const byKey = new Map<string, number>();
  for (const { key, atMs } of journals.flatMap(({ dispatched }) => dispatched)) {
    byKey.set(key, Math.min(byKey.get(key) ?? atMs, atMs));
  }
  return [...byKey.values()].toSorted((a, b) => a - b);
}

/** One action of a drill and the move of the address after it, if any. Measured times are in milliseconds after the action. */
export interface Phase {
  readonly what: string;
  /** Holds the address before. */
  readonly from: string;
  /** Holds the address afterwards. */
  readonly to: string;
  readonly startedAtMs: number;
  /** When the next action began, or the measurement ended. */
  readonly untilMs: number;
}

export interface MeasuredPhase extends Pick<Phase, "what" | "from" | "to"> {
  /** The longest time between two products sent, beginning with the last one before the action; undefined if none was sent. */
  readonly pauseMs?: number;
  /** The same for the minute before the drill: a pause that is not longer is normal. */
  readonly usualMs?: number;
  readonly products: number;
  readonly leftMs?: number;
  readonly heldMs?: number;
  readonly firstDecisionMs?: number;
}

/** @param beganMs start of the drill; the time before it gives the usual pause. Pure. */
export function measurePhase(
  { what, from, to, startedAtMs, untilMs }: Phase,
  journals: readonly DispatcherJournal[],
  beganMs: number,
): MeasuredPhase {
  const times = dispatchTimes(journals);
  const during = times.filter((atMs) => atMs >= startedAtMs && atMs < untilMs);
  const last = times.findLast((atMs) => atMs < startedAtMs);
  const pauseMs = longestGap(last === undefined ? during : [last, ...during]);
  const usualMs = longestGap(times.filter((atMs) => atMs < Math.min(beganMs, startedAtMs)));
  const log = journals.flatMap((one) => one.log).filter(({ atMs }) => atMs >= startedAtMs && atMs < untilMs);
  const after = (host: string, event: LogEvent) => {
    const line = from === to ? undefined : log.find((one) => one.host === host && eventOf(one) === event);
    return line && Math.round(line.atMs - startedAtMs);
  };
  return {
    ...{ what, from, to, products: during.length },
    ...defined("pauseMs", pauseMs),
    ...defined("usualMs", usualMs),
    ...defined("leftMs", after(from, logEvents.addressLeft)),
    ...defined("heldMs", after(to, logEvents.addressHeld)),
    ...defined("firstDecisionMs", after(to, logEvents.takenOver)),
  };
}

const defined = <Name extends string>(name: Name, value: number | undefined): Partial<Record<Name, number>> =>
  value === undefined ? {} : ({ [name]: value } as Record<Name, number>);

function longestGap(times: readonly number[]): number | undefined {
  if (times.length < 2) return undefined;
  return Math.round(Math.max(...times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs))));
}
