import { printableBytes, printableLine } from "../../../agents/lib/foreign.ts";
import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import { ageText } from "../../inspect/verify/step.ts";
import { formatColumns } from "../../lib/table.ts";
import type { SilentBroker } from "./brokers.ts";
import type { Letter } from "./letter.ts";
import { groupLetters, unknownAgent } from "./select.ts";
import type { Refusal, Survey } from "./settle.ts";

const reasonCharactersShown = 70;
const nameCharactersShown = 40;
const valueCharactersShown = 200;
const keyCharactersShown = 255;
const bodyBytesShown = 500;
/** Limits of rows in a table and of refused messages. */
const rowsShown = 40;
const refusalsShown = 10;

/** Counts by agent, reason and queue, then how much of each queue was read. Ends with a newline. */
export function formatList(surveys: readonly Survey[], silent: readonly SilentBroker[], nowMs: number): string {
  const groups = groupLetters(surveys.flatMap(({ letters }) => letters));
  const rows = groups
    .slice(0, rowsShown)
    .map(({ broker, agent, reason, queue, count, oldestMs }) => [
      ...[broker, printableLine(agent, nameCharactersShown), printableLine(queue, nameCharactersShown), String(count)],
      oldestMs === undefined ? "-" : ageText(nowMs - oldestMs),
      printableLine(reason, reasonCharactersShown),
    ]);
  const head = ["broker", "agent", "queue", "count", "oldest", "reason"];
  const more =
    groups.length > rowsShown ? [`and ${groups.length - rowsShown} more rows: --json prints all of them`] : [];
  const table = rows.length > 0 ? [formatColumns([head, ...rows]), ...more, ""] : [];
  return [...table, ...surveys.map(surveyText), ...silent.map(silentText), ""].join("\n");
}

export function surveyText({ broker, seen, of }: Survey): string {
  if (of === 0) return `${broker}: ${deadLetterQueue} is empty`;
  const all =
    seen < of ? `the first ${seen} of ${of} messages were read; raise --at-most to read more` : `${of} messages`;
  return `${broker}: ${deadLetterQueue}: ${all}`;
}

export const silentText = ({ broker, why }: SilentBroker): string =>
  `${broker}: can't be read: ${printableLine(why, valueCharactersShown)}`;

/** A letter in full, one field a line. Ends with a newline. */
export function formatLetter(letter: Letter): string {
  const { id, broker, atMs, agent, reason, queue, origin, exchange, routingKey, leftOut } = letter;
  const rows: (readonly [string, string])[] = [
    ["time", atMs === undefined ? "unknown" : new Date(atMs).toISOString()],
    ["agent", printableLine(agent ?? unknownAgent, nameCharactersShown)],
    ["queue", queue === undefined ? "unknown" : printableLine(queue, nameCharactersShown)],
    ["reason", printableLine(reason ?? "none given", 2 * keyCharactersShown)],
    [
      "exchange",
      "exchange" in origin
        ? `${printableLine(origin.exchange, keyCharactersShown)}, for replay`
        : `${printableLine(exchange, keyCharactersShown)}; can't be replayed: ${printableLine(origin.why, valueCharactersShown)}`,
    ],
    ["key", printableLine("routingKey" in origin ? origin.routingKey : routingKey, keyCharactersShown)],
    ...letter.headers.map(
      ({ name, value }) =>
        [
          `header`,
          `${printableLine(name, nameCharactersShown)} = ${printableLine(value, valueCharactersShown)}`,
        ] as const,
    ),
    ...(letter.moreHeaders > 0 ? [["header", `and ${letter.moreHeaders} more`] as const] : []),
    ...(leftOut === undefined ? [] : [["dropped", printableLine(leftOut, valueCharactersShown)] as const]),
    ["body", `${letter.bodyBytes} bytes: ${printableBytes(letter.bodyStart, bodyBytesShown)}`],
  ];
  return `${id} at ${broker}\n${formatColumns(rows, "  ")}\n`;
}

/**
 * The plan: a row for each agent, exchange and reason. Anybody who may publish dead letters can give each its own reason. If there are too many rows, the
 * smaller ones are merged into one for each agent and exchange, so that no agent or exchange is hidden.
 */
export function formatPlan(letters: readonly Letter[], refusals: readonly Refusal[]): string {
  const refused = new Set(refusals.map(({ id }) => id));
  const selected = letters.filter(({ id }) => !refused.has(id));
  const groups = counted(
    selected.map(({ broker, agent = unknownAgent, reason = "", origin }) => {
      const to = "why" in origin ? "-" : printableLine(origin.exchange, nameCharactersShown);
      const row = [broker, printableLine(agent, nameCharactersShown), to, printableLine(reason, reasonCharactersShown)];
      return { row, count: 1 };
    }),
  );
  const shown = groups.slice(0, rowsShown);
  const rest = groups.slice(rowsShown);
  const joined = counted(rest.map(({ row, count }) => ({ row: row.slice(0, -1), count })));
  const others = joined.slice(0, rowsShown).map(({ row, count, of }) => ({ row: [...row, `… and ${of} more`], count }));
  const lines = [...shown, ...others].map(({ row: [broker = "", agent = "", to = "", reason = ""], count }) => [
    ...[broker, agent, to, String(count), reason],
  ]);
  const head = ["broker", "agent", "exchange", "count", "reason"];
  const table = lines.length > 0 ? [formatColumns([head, ...lines])] : [];
  const hidden = joined.slice(rowsShown);
  const messages = hidden.reduce((sum, { count }) => sum + count, 0);
  const more = hidden.length > 0 ? [`… and ${hidden.length} more agents or exchanges, of ${messages} messages`] : [];
  return [...table, ...more, ...refusalLines(refusals), ""].join("\n");
}

interface Counted {
  readonly row: readonly string[];
  /** Messages. */
  readonly count: number;
  /** Rows merged into it. */
  readonly of: number;
}

/** Merges equal rows; the largest comes first. */
function counted(rows: readonly Omit<Counted, "of">[]): Counted[] {
  const groups = new Map<string, Counted>();
  for (const { row, count } of rows) {
    const key = row.join("\n");
    const before = groups.get(key);
    groups.set(key, { row, count: count + (before?.count ?? 0), of: 1 + (before?.of ?? 0) });
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count);
}

/** The messages that stay, one a line. */
export function refusalLines(refusals: readonly Refusal[]): string[] {
  const lines = refusals
    .slice(0, refusalsShown)
    .map(({ id, why }) => `stays: ${id}: ${printableLine(why, valueCharactersShown)}`);
  return refusals.length > refusalsShown ? [...lines, `stays: ${refusals.length - refusalsShown} more`] : lines;
}

/** A letter for `--json`: every text is printable and bounded. */
export function letterJson({ atMs, bodyStart, bodyBytes, ...letter }: Letter) {
  return {
    ...letter,
    ...(atMs === undefined ? {} : { at: new Date(atMs).toISOString() }),
    body: { bytes: bodyBytes, start: printableBytes(bodyStart, bodyBytesShown) },
  };
}

/** The same value with every text made printable: JSON alone does not escape all terminal control characters. */
export const printable = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, part: unknown) => (typeof part === "string" ? printableLine(part) : part)));
