import * as z from "zod";
import { printableLine } from "../../../agents/lib/foreign.ts";
import { quote } from "../../../infra/commands/command.ts";
import { readSections, section } from "../../../infra/commands/sections.ts";
import { parseJson } from "../../lib/json.ts";
import { type AgentPlace, type Chain, type ChainHost, chainHostOf, subscriberUnit } from "./chain.ts";
import type { EndEvidence, HostEvidence } from "./evidence.ts";

// Crash loops: when systemd restarted programs, and what they printed before.

/** Earlier restarts do not count. */
const windowSeconds = 600;
/** Two restarts may have unrelated causes; three are a pattern. */
const restartsMost = 2;
/** A program has recovered when it has run for this time after its last restart, and for twice the longest time between two restarts. */
const steadyMsLeast = 60_000;

/**
 * Events reported for each unit. The fastest program exits at once, and systemd restarts it after 0.3 s (`RestartSec` of an agent's unit): 2000 times in ten
 * minutes, with two events each. So no crash loop hides another one.
 */
const eventsPerUnit = Math.ceil(windowSeconds / 0.3) * 2;
/** From systemd's sd-messages.h: `SD_MESSAGE_UNIT_RESTART_SCHEDULED` and `SD_MESSAGE_UNIT_STARTING`. */
const restartScheduled = "5eb03494b6584870a536b337290809b3";
const unitStarting = "7d4958e842da4a758f6c1cdc7b36dcc5";
/** This many lines before a restart contain the last output of the previous process. */
const lastLines = 40;

/** A program of warren; the subscriber has no port. */
export type KeptPlace =
  | Pick<AgentPlace, "name" | "unit" | "takes">
  | { readonly name: "subscriber"; readonly unit: string; readonly takes?: AgentPlace["takes"] };

/** Programs of warren on a host, which systemd restarts when they exit. */
export const keptPlaces = ({ agents, units }: ChainHost): KeptPlace[] => [
  ...agents,
  ...(units.includes(subscriberUnit) ? [{ name: "subscriber" as const, unit: subscriberUnit }] : []),
];

/** The journal has an index of these fields, so this reads almost nothing on a host without restarts. `parseRestarts` reads the answer. */
export const restartsQuestion = (places: readonly KeptPlace[]): string =>
  [
    "journalctl -q --no-pager -o json --output-fields=UNIT,MESSAGE_ID",
    `--since=-${windowSeconds}s -n ${eventsPerUnit * places.length} MESSAGE_ID=${restartScheduled} MESSAGE_ID=${unitStarting}`,
    ...places.map(({ unit }) => quote(`UNIT=${unit}`)),
    `| sed -E ${quote(withoutRest)}`,
  ].join(" ");

/** Removes fields that journalctl prints even unasked: two thirds of each line, of which there may be thousands. */
const withoutRest = [
  's/"_*(CURSOR|MONOTONIC_TIMESTAMP|BOOT_ID|SEQNUM|SEQNUM_ID)" ?: ?"[^"]*"(, ?)?//g',
  "s/, *}$/}/",
].join("; ");

/** Prints the output of units before their last restart, one section each. `parseEnds` reads the answer. */
export function endsQuestion(loops: readonly CrashLoop[]): string {
  const lines = loops.flatMap(({ place: { unit }, lastMs }) => [
    `echo ${quote(section(`ended ${unit}`))}`,
    `journalctl -q --no-pager -o json --output-fields=MESSAGE,_PID --until=@${(lastMs / 1000).toFixed(3)} -n ${lastLines} ${quote(`_SYSTEMD_UNIT=${unit}`)}`,
  ]);
  return `export LC_ALL=C\n${lines.join("\n")}\necho; echo ${quote(section("end"))}\n`;
}

const eventLine = z.object({ UNIT: z.string(), MESSAGE_ID: z.string(), __REALTIME_TIMESTAMP: z.string() });

/**
 * Times of restarts by systemd, by unit, in milliseconds. A start without a scheduled restart was requested by an operator or `up`, and ends the series
 * before it. `NRestarts` of the unit does not show that: it keeps counting if a unit is started between two restarts.
 */
export function parseRestarts(lines: readonly string[]): Record<string, number[]> {
  const restarts: Record<string, number[]> = {};
  const scheduled = new Set<string>();
  for (const line of lines) {
    const read = eventLine.safeParse(parseJson(line));
    if (!read.success) continue;
    const { UNIT: unit, MESSAGE_ID: id, __REALTIME_TIMESTAMP: microseconds } = read.data;
    restarts[unit] ??= [];
    if (id === restartScheduled) {
      scheduled.add(unit);
      restarts[unit].push(Math.round(Number(microseconds) / 1000));
    } else if (!scheduled.delete(unit)) restarts[unit] = [];
  }
  return restarts;
}

/** The journal represents bytes that are not valid UTF-8 as a list of numbers, and a long message as null. */
const messageLine = z.object({
  MESSAGE: z.union([z.string(), z.array(z.number())]),
  _PID: z.string().default(""),
});
/** A line of an agent's log; its level is a name or pino's number. */
const fatalLine = z.object({
  level: z.union([z.literal("fatal"), z.literal(60)]),
  msg: z.string(),
  err: z.object({ message: z.string() }).optional().catch(undefined),
});
/** Characters shown of a program's last output. */
const wordsMax = 300;

/** Parses the answer to `endsQuestion`. @returns undefined if it is incomplete */
export function parseEnds(loops: readonly CrashLoop[], answer: string): Record<string, EndEvidence> | undefined {
  const sections = readSections(answer);
  return (
    sections &&
    Object.fromEntries(loops.map(({ place: { unit } }) => [unit, endOf(sections.get(`ended ${unit}`) ?? [])]))
  );
}

function endOf(lines: readonly string[]): EndEvidence {
  const messages = lines.flatMap((line) => {
    const read = messageLine.safeParse(parseJson(line));
    if (!read.success) return [];
    const { MESSAGE: message, _PID: pid } = read.data;
    return [{ pid, text: typeof message === "string" ? message : Buffer.from(message).toString("utf8") }];
  });
  const fatal = messages.flatMap(({ text }) => fatalLine.safeParse(parseJson(text)).data ?? []).at(-1);
  const pid = messages.at(-1)?.pid;
  // An uncaught error, or an error in the settings, is not a log line.
  const words = messages
    .flatMap(({ pid: by, text }) => (by === pid && parseJson(text) === undefined ? [text.trim()] : []))
    .filter((text) => text !== "")
    .join("; ");
  return {
    ...(fatal ? { fatal: printableLine(fatal.err ? `${fatal.msg}: ${fatal.err.message}` : fatal.msg, wordsMax) } : {}),
    ...(words === "" ? {} : { words: printableLine(words, wordsMax) }),
  };
}

/** A program in a crash loop. */
export interface CrashLoop {
  readonly place: KeptPlace;
  /** Restarts by systemd within the last ten minutes, and since the unit was started otherwise. */
  readonly restarts: number;
  /** Time of the last restart. */
  readonly lastMs: number;
}

/** Programs of a host in a crash loop, without those that were stopped on purpose. */
export function crashLoops(chain: Chain, name: string, host: HostEvidence): CrashLoop[] {
  return keptPlaces(chainHostOf(chain, name)).flatMap((place): CrashLoop[] => {
    const all = host.restarts?.[place.unit] ?? [];
    const lastMs = all.at(-1);
    const state = host.units[place.unit];
    if (lastMs === undefined || all.length <= restartsMost || state?.active === "inactive") return [];
    const longestMs = Math.max(...all.slice(1).map((atMs, index) => atMs - (all[index] ?? atMs)));
    const isOver = state?.active === "active" && host.nowMs - lastMs > Math.max(steadyMsLeast, 2 * longestMs);
    return isOver ? [] : [{ place, restarts: all.length, lastMs }];
  });
}
