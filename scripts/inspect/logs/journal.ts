import * as z from "zod";
import { quote } from "../../../infra/commands/command.ts";
import { section } from "../../../infra/commands/sections.ts";
import { parseJson } from "../../lib/json.ts";
import { formerEvent } from "./former-events.ts";

/** One line of a host's journal. */
export interface LogLine {
  readonly atMs: number;
  readonly host: string;
  /** Without `.service`, and without `warren-` before an agent. */
  readonly unit: string;
  /** `trace` to `fatal`, as logged by agents; for other programs derived from journald's priority. */
  readonly level: string;
  readonly text: string;
  /** The other fields of an agent's line. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** journald's priorities, 0 to 7. */
const levels = ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"] as const;

const entrySchema = z.object({
  __REALTIME_TIMESTAMP: z.string(),
  _SYSTEMD_UNIT: z.string().optional(),
  UNIT: z.string().optional(),
  PRIORITY: z.string().optional(),
  // Bytes if it is not valid UTF-8; null if it is too long.
  MESSAGE: z.union([z.string(), z.array(z.number()), z.null()]).optional(),
});
const agentSchema = z.looseObject({ level: z.string(), time: z.string(), msg: z.string().default("") });

export interface JournalQuery {
  readonly units: readonly string[];
  readonly sinceSeconds: number;
  /** At most this many lines, the newest ones. */
  readonly linesMax: number;
}

/** The unit that answers for an agent after its end, where it has one. */
const endedUnit = (unit: string): string => unit.replace(/\.service$/, "-ended.service");

const journalctl = ({ units, sinceSeconds, linesMax }: JournalQuery): string =>
  [
    "journalctl --quiet --no-pager --output=json",
    "--output-fields=MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT",
    `--since=-${Math.ceil(sinceSeconds)}s --lines=${linesMax}`,
    ...units.flatMap((unit) => [unit, endedUnit(unit)]).map((unit) => `--unit=${quote(unit)}`),
  ].join(" ");

/** A script that prints the lines, then the section `end`. */
export const journalQuestion = (query: JournalQuery): string =>
  `${journalctl(query)}\necho; echo ${quote(section("end"))}\n`;

/** A script that prints new lines until its standard input ends. Without that, journalctl would outlive its reader until the next line. */
export const followQuestion = (query: JournalQuery): string =>
  `${journalctl(query)} --follow &\nfollower=$!\ncat >/dev/null\nkill "$follower"\nexit\n`;

/** @returns undefined if the answer is incomplete */
export function parseJournal(host: string, answer: string): LogLine[] | undefined {
  const lines = answer.trimEnd().split("\n");
  if (lines.at(-1) !== section("end")) return undefined;
  return lines.flatMap((line) => parseEntry(host, line) ?? []);
}

/** @returns undefined for a line that is not an entry */
export function parseEntry(host: string, line: string): LogLine | undefined {
  const read = entrySchema.safeParse(parseJson(line));
  if (!read.success) return undefined;
  const { MESSAGE: message = "", PRIORITY: priority = "6", _SYSTEMD_UNIT: by = "", UNIT: about } = read.data;
  const text = Array.isArray(message)
    ? Buffer.from(message).toString("utf8")
    : (message ?? "(too long for the journal)");
  // Entries by systemd about a unit have `init.scope` as their own unit.
  const unit = (about ?? by).replace(/\.service$/, "").replace(/^warren-/, "");
  const common = { host, unit };
  const agent = agentSchema.safeParse(parseJson(text));
  if (agent.success) {
    const { level, time, msg, agent: _, pid: __, name: ___, ...fields } = agent.data;
    return { ...common, atMs: Date.parse(time), level, text: msg, fields };
  }
  const atMs = Math.floor(Number(read.data.__REALTIME_TIMESTAMP) / 1000);
  return { ...common, atMs, level: levels[Number(priority)] ?? "info", text, fields: {} };
}

/** The event name of an agent's line; undefined for lines without one. */
export const eventOf = ({ fields: { event }, text }: Pick<LogLine, "fields" | "text">): string | undefined =>
  typeof event === "string" ? event : formerEvent(text);

/** All lines by time; equal times stay in the order of hosts. */
export const merged = (lines: readonly (readonly LogLine[])[]): LogLine[] =>
  lines.flat().toSorted((a, b) => a.atMs - b.atMs);

/** `2026-11-27T20:50:03.123Z pds-1 puller info pulled fileName=…`. */
export function formatLine({ atMs, host, unit, level, text, fields }: LogLine, hostWidth: number): string {
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return [new Date(atMs).toISOString(), host.padEnd(hostWidth), unit, level, text, ...rest].join(" ");
}
