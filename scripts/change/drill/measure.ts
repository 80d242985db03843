import { type LogEvent, logEvents } from "../../../agents/lib/log-events.ts";
import { quote } from "../../../infra/commands/command.ts";
import { askedAs } from "../../../infra/commands/question.ts";
import { section } from "../../../infra/commands/sections.ts";
import { serviceAccount } from "../../../infra/model/agent-part.ts";
import { eventOf, journalQuestion, type LogLine, parseJournal } from "../../inspect/logs/journal.ts";
import { type Chain, chainHostOf } from "../../inspect/look/chain.ts";
import { segmentBytesMost } from "../../inspect/trace/trace.ts";

/** When a dispatcher took a product to send it on: for the first time that it came. */
export interface Dispatched {
  /** The first half of the product's key. */
  readonly key: string;
  readonly atMs: number;
}

/** What a dispatcher's host has kept and said of the time of a drill, by its own clock. */
export interface DispatcherWords {
  readonly dispatched: readonly Dispatched[];
  readonly said: readonly LogLine[];
}

/** Far more than a drill sees, at a line of 40 bytes for each product. */
const arrivalsBytesMax = 4 * 1024 * 1024;
const arrivalsSeconds = 20;
const journalLinesMax = 1000;

/**
 * Says what the dispatcher's journal files have of products that came since a time, as `KEY TIME`. Types and places of the fields are those of
 * `agents/dispatcher/journal-record.ts`: 16 bytes of head, then records of a length, a CRC, a type, a key and, for an arrival, its time. A record that is
 * being written ends the file.
 */
export const readArrivals = [
  'const fs = require("fs"), path = require("path"), since = Number(process.argv[2]), dir = process.argv[1];',
  "for (const name of fs.readdirSync(dir).sort()) { const file = path.join(dir, name), about = fs.lstatSync(file);",
  `if (about.mtimeMs < since || !about.isFile() || about.size > ${segmentBytesMost}) continue; const data = fs.readFileSync(file);`,
  "for (let at = 16; at + 33 <= data.length; at += 8 + data.readUInt32BE(at)) {",
  "const atMs = data[at + 8] === 1 ? data.readDoubleBE(at + 25) : 0;",
  'if (atMs >= since) console.log(data.toString("hex", at + 9, at + 17), atMs); } }',
].join(" ");

const drillSection = section("said");

/** One read-only script for a dispatcher's host; `parseWords` reads its answer. */
export function wordsQuestion(chain: Chain, host: string, sinceMs: number, nowMs: number): string {
  const unit = chainHostOf(chain, host).agents.find(({ name }) => name === "dispatcher")?.unit ?? "";
  const program = [
    "/opt/warren/node/bin/node",
    "-e",
    readArrivals,
    "/var/lib/warren/dispatcher/journal",
    String(sinceMs),
  ];
  const bounds = { seconds: arrivalsSeconds, bytes: arrivalsBytesMax };
  const arrivals = askedAs(serviceAccount.name, program.map(quote).join(" "), bounds);
  const sinceSeconds = Math.max(1, (nowMs - sinceMs) / 1000);
  const journal = journalQuestion({ units: [unit], sinceSeconds, linesMax: journalLinesMax });
  return `export LC_ALL=C\n${arrivals}\necho ${quote(drillSection)}\n${journal}`;
}

/** @returns undefined where the answer ends early */
export function parseWords(host: string, answer: string): DispatcherWords | undefined {
  const [first, rest] = answer.split(`${drillSection}\n`);
  if (first === undefined || rest === undefined) return undefined;
  const said = parseJournal(host, rest);
  if (!said) return undefined;
  const dispatched = first.split("\n").flatMap((line): Dispatched[] => {
    const found = /^([0-9a-f]{16}) (\d+(?:\.\d+)?)$/.exec(line);
    return found?.[1] ? [{ key: found[1], atMs: Number(found[2]) }] : [];
  });
  return { dispatched, said };
}

/**
 * When products were sent on, in order. Each dispatcher knows to the millisecond when those came that it sent itself, and of the other's when it heard of
 * them, or the full second after they came: the earliest one is the exact one. Pure.
 */
export function dispatchTimes(words: readonly DispatcherWords[]): number[] {
  const byKey = new Map<string, number>();
  for (const { key, atMs } of words.flatMap(({ dispatched }) => dispatched)) {
    byKey.set(key, Math.min(byKey.get(key) ?? atMs, atMs));
  }
  return [...byKey.values()].toSorted((a, b) => a - b);
}

/** What was done at a moment, and what the address did then, if anything. Times that are measured are milliseconds after the moment. */
export interface Phase {
  readonly what: string;
  /** Had the address before, and has it afterwards. */
  readonly from: string;
  readonly to: string;
  readonly toldAtMs: number;
  /** When the next thing was done, or the measuring ended. */
  readonly untilMs: number;
}

export interface MeasuredPhase extends Pick<Phase, "what" | "from" | "to"> {
  /** The longest time between two products sent on, from the last one before the moment on; undefined where none came. */
  readonly pauseMs?: number;
  /** The same of the minute before the drill: a pause that is not longer is none. */
  readonly usualMs?: number;
  readonly products: number;
  readonly leftMs?: number;
  readonly heldMs?: number;
  readonly firstDecisionMs?: number;
}

/** @param beganMs of the drill; what was before is usual. Pure. */
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
