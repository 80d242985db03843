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
export interface DispatcherWords {
  readonly dispatched: readonly Dispatched[];
  readonly said: readonly LogLine[];
}

/** Far more than a drill produces: a hundred thousand lines of 200 bytes. */
const arrivals = { seconds: 20, bytes: 20_000_000 };
const journalLinesMax = 1000;

const drillSection = section("said");

/** A read-only script for a dispatcher's host; `parseWords` reads its answer. */
export function wordsQuestion(chain: Chain, host: string, sinceMs: number, nowMs: number): string {
  const unit = chainHostOf(chain, host).agents.find(({ name }) => name === "dispatcher")?.unit ?? "";
  const sinceSeconds = Math.max(1, (nowMs - sinceMs) / 1000);
  const journal = journalQuestion({ units: [unit], sinceSeconds, linesMax: journalLinesMax });
  const sent = askJournal("dispatcher", { sinceMs, bounds: arrivals });
  return `export LC_ALL=C\n${sent}\necho ${quote(drillSection)}\n${journal}`;
}

/** @returns undefined if the answer is incomplete */
export function parseWords(host: string, answer: string): DispatcherWords | undefined {
  const [first, rest] = answer.split(`${drillSection}\n`);
  if (first === undefined || rest === undefined) return undefined;
  const said = parseJournal(host, rest);
  if (!said) return undefined;
  const dispatched = readJournal(first.split("\n")).flatMap((line): Dispatched[] =>
    line.event === "sent" ? [{ key: line.key, atMs: line.timeMs }] : [],
  );
  return { dispatched, said };
}

/**
 * When products were sent, in order. A dispatcher knows the time of its own products to the millisecond. For products of another dispatcher it has a later
 * time: when it read them from its ledger, or the next full second. The earliest time of a product is therefore the exact one. Pure.
 */
export function dispatchTimes(words: readonly DispatcherWords[]): number[] {
  const byKey = new Map<string, number>();
  for (const { key, atMs } of words.flatMap(({ dispatched }) => dispatched)) {
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
  readonly toldAtMs: number;
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
  { what, from, to, toldAtMs, untilMs }: Phase,
  words: readonly DispatcherWords[],
  beganMs: number,
): MeasuredPhase {
  const times = dispatchTimes(words);
  const during = times.filter((atMs) => atMs >= toldAtMs && atMs < untilMs);
  const last = times.findLast((atMs) => atMs < toldAtMs);
  const pauseMs = longestGap(last === undefined ? during : [last, ...during]);
  const usualMs = longestGap(times.filter((atMs) => atMs < Math.min(beganMs, toldAtMs)));
  const said = words.flatMap((one) => one.said).filter(({ atMs }) => atMs >= toldAtMs && atMs < untilMs);
  const after = (host: string, event: LogEvent) => {
    const line = from === to ? undefined : said.find((one) => one.host === host && eventOf(one) === event);
    return line && Math.round(line.atMs - toldAtMs);
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
