import { z } from "zod";
import { printableLine } from "../../../agents/lib/foreign.ts";
import { quote } from "../../../infra/commands/command.ts";
import { readSections, section } from "../../../infra/commands/sections.ts";
import { parseJson } from "../../lib/json.ts";
import { type AgentPlace, type Chain, type ChainHost, chainHostOf, subscriberUnit } from "./chain.ts";
import type { EndEvidence, HostEvidence } from "./evidence.ts";

// Programs that systemd starts again and again: when it did, and what they wrote before.

/** Restarts before that are history. */
const windowSeconds = 600;
/** An agent ends by a defect or a fault of the world; two such ends may have nothing to do with each other, three are a pattern. */
const restartsMost = 2;
/** A program that ran for this time after its last restart, and twice the longest time between two of them, has got over it. */
const steadyMsLeast = 60_000;

/**
 * Of each unit: the fastest program ends at once, and systemd starts it again after 0.3 s (`RestartSec` of an agent's unit): 2000 times in ten minutes,
 * with two events each. One such loop hides no other one.
 */
const eventsToldOfUnit = Math.ceil(windowSeconds / 0.3) * 2;
/** Of systemd's sd-messages.h: `SD_MESSAGE_UNIT_RESTART_SCHEDULED` and `SD_MESSAGE_UNIT_STARTING`. */
const restartScheduled = "5eb03494b6584870a536b337290809b3";
const unitStarting = "7d4958e842da4a758f6c1cdc7b36dcc5";
/** So many lines before a restart have the end of the process that it replaces. */
const lastLinesTold = 40;

/** A program of warren's own; the subscriber has no port. */
export type KeptPlace =
  | Pick<AgentPlace, "name" | "unit" | "takes">
  | { readonly name: "subscriber"; readonly unit: string; readonly takes?: AgentPlace["takes"] };

/** Programs of warren's own on a host: systemd starts each again when it has ended. */
export const keptPlaces = ({ agents, units }: ChainHost): KeptPlace[] => [
  ...agents,
  ...(units.includes(subscriberUnit) ? [{ name: "subscriber" as const, unit: subscriberUnit }] : []),
];

/** The journal has an index of these fields: on a host where nothing has ended this reads next to nothing. `parseRestarts` reads the answer. */
export const restartsQuestion = (places: readonly KeptPlace[]): string =>
  [
    "journalctl -q --no-pager -o json --output-fields=UNIT,MESSAGE_ID",
    `--since=-${windowSeconds}s -n ${eventsToldOfUnit * places.length} MESSAGE_ID=${restartScheduled} MESSAGE_ID=${unitStarting}`,
    ...places.map(({ unit }) => quote(`UNIT=${unit}`)),
    `| sed -E ${quote(withoutRest)}`,
  ].join(" ");

/** What journalctl says of each entry whatever fields it is asked for: two thirds of a line, of which there may be thousands. */
const withoutRest = [
  's/"_*(CURSOR|MONOTONIC_TIMESTAMP|BOOT_ID|SEQNUM|SEQNUM_ID)" ?: ?"[^"]*"(, ?)?//g',
  "s/, *}$/}/",
].join("; ");

/** What units wrote before their last restart, a section each. `parseEnds` reads the answer. */
export function endsQuestion(loops: readonly CrashLoop[]): string {
  const lines = loops.flatMap(({ place: { unit }, lastMs }) => [
    `echo ${quote(section(`ended ${unit}`))}`,
    `journalctl -q --no-pager -o json --output-fields=MESSAGE,_PID --until=@${(lastMs / 1000).toFixed(3)} -n ${lastLinesTold} ${quote(`_SYSTEMD_UNIT=${unit}`)}`,
  ]);
  return `export LC_ALL=C\n${lines.join("\n")}\necho; echo ${quote(section("end"))}\n`;
}

const eventLine = z.object({ UNIT: z.string(), MESSAGE_ID: z.string(), __REALTIME_TIMESTAMP: z.string() });

/**
 * When systemd started units again, by unit, in milliseconds. A start that no restart was scheduled for is somebody's, and what was before it is over:
 * `NRestarts` of the unit doesn't tell, as it goes on counting where somebody starts the unit between two restarts.
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

/** The journal writes bytes that are no text as a list of numbers, and a long message as null. */
const messageLine = z.object({
  MESSAGE: z.union([z.string(), z.array(z.number())]),
  _PID: z.string().default(""),
});
/** A line of an agent's log: its level is a name, or pino's number. */
const fatalLine = z.object({
  level: z.union([z.literal("fatal"), z.literal(60)]),
  msg: z.string(),
  err: z.object({ message: z.string() }).optional().catch(undefined),
});
/** Characters of what a program wrote at its end. */
const wordsMax = 300;

/** Reads the answer to `endsQuestion`. @returns undefined where it ends early */
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
  // An error that nobody caught, or a mistake in the settings: no line of a log.
  const words = messages
    .flatMap(({ pid: by, text }) => (by === pid && parseJson(text) === undefined ? [text.trim()] : []))
    .filter((text) => text !== "")
    .join("; ");
  return {
    ...(fatal ? { fatal: printableLine(fatal.err ? `${fatal.msg}: ${fatal.err.message}` : fatal.msg, wordsMax) } : {}),
    ...(words === "" ? {} : { words: printableLine(words, wordsMax) }),
  };
}

/** A program that keeps ending. */
export interface CrashLoop {
  readonly place: KeptPlace;
  /** By systemd, within the last ten minutes and since somebody started it. */
  readonly restarts: number;
  /** When the last one was. */
  readonly lastMs: number;
}

/** Programs of a host that keep ending. One that somebody has stopped is not among them. */
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
