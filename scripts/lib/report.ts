import { access, constants, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { styleText } from "node:util";
import { UserError } from "../../agents/lib/errors.ts";
import { type Account, type Details, isGood } from "./accounting.ts";

/** So many names are shown of each kind of fault: enough to start looking, and the table stays in sight. */
const namesShown = 5;

const explanation: Record<Details["lost"][number]["after"], string> = {
  written: "written, not announced: look at the announcers",
  announced: "announced, not dispatched: look at the dispatcher",
  dispatched: "dispatched, not pulled: look at the pullers and the dead letters",
};

export interface ReportOptions {
  readonly account: Account;
  readonly details: Details;
  /** Products of the plan. */
  readonly count: number;
  /** Why the run ended, where it did not end by itself. */
  readonly outcome: "complete" | "stalled" | "aborted";
  readonly color: boolean;
}

/** Color where a person looks at a terminal that shows it; `NO_COLOR` and `FORCE_COLOR` as everywhere. */
export function wantsColor(stream: { isTTY?: boolean; hasColors?: () => boolean }): boolean {
  if (process.env.NO_COLOR) return false;
  if (process.env.FORCE_COLOR && process.env.FORCE_COLOR !== "0") return true;
  return Boolean(stream.isTTY && (stream.hasColors?.() ?? true));
}

/** The table at the end of a run, then what is wrong, if anything is. Ends with a newline. */
export function formatReport(options: ReportOptions): string {
  const { account, details, count } = options;
  const paint = painter(options.color);
  const none = (value: number): string => paint(value === 0 ? "green" : "red", String(value));
  const { p50, p99, max } = account.latencyMs;
  const rows: Row[] = [
    ["announced", byHost(account.announced)],
    ["dispatched", paint(account.dispatched === count ? "green" : "red", `${account.dispatched} of ${count}`)],
    ["first arrivals won", byHost(account.won)],
    ["pulled", byHost(account.pulled)],
    ["lost", none(account.lost)],
    ["repeated", none(account.repeated)],
    ["wrong size", none(account.wrongSize)],
    ["wrong content", none(account.wrongContent)],
    ["closed to received", `p50 ${p50} ms   p99 ${p99} ms   max ${max} ms`],
    ["took", byHost(account.seconds, " s")],
  ];
  const complaints = complain(options).map((line) => `${paint("red", "✗")} ${line}`);
  const notes = remark(details).map((line) => `${paint("yellow", "!")} ${line}`);
  return [...align(rows), ...separated(complaints), ...separated(notes), ""].join("\n");
}

/** Before a run, not after it: whether `writeAccount` will find a folder where it may write. */
export async function checkAccountFile(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  const reason = await access(folder, constants.W_OK).catch((error: Error) => error.message);
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (reason !== undefined) throw unwritable(path, reason);
  if (isFolder) throw unwritable(path, "it is a folder");
}

/** Writes the account as `--json` promises it, and nothing else. */
export async function writeAccount(path: string, account: Account): Promise<void> {
  await writeFile(path, `${JSON.stringify(account, null, 2)}\n`).catch((error: Error) => {
    throw unwritable(path, error.message);
  });
}

function unwritable(path: string, reason: string): UserError {
  return new UserError(path, `can't be written: ${reason}`, "give another file to --json");
}

type Row = readonly [label: string, value: string];

function align(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `  ${label.padEnd(width)}   ${value}`);
}

function separated(lines: readonly string[]): string[] {
  return lines.length > 0 ? ["", ...lines] : [];
}

function byHost(values: Readonly<Record<string, number>>, unit = ""): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value}${unit}`)
    .join("   ");
}

function complain({ account, details, outcome }: ReportOptions): string[] {
  // What was on its way then is not missing: it was not waited for.
  if (outcome === "aborted") return ["ended before all was through"];
  const lines: string[] = [];
  if (outcome === "stalled") lines.push("gave up: nothing moved any more");
  for (const { name, after } of details.lost.slice(0, namesShown)) lines.push(`lost: ${name} (${explanation[after]})`);
  lines.push(...andMore(details.lost.length));
  for (const { name, where } of details.repeated.slice(0, namesShown)) {
    lines.push(`repeated: ${name} (${where.join(", ")})`);
  }
  lines.push(...andMore(details.repeated.length));
  for (const { pds, file, what } of details.wrong.slice(0, namesShown))
    lines.push(`wrong: ${file} on ${pds} (${what})`);
  lines.push(...andMore(details.wrong.length));
  if (isGood(account) && outcome === "complete" && details.idle.length > 0) {
    lines.push(`got no product at all: ${details.idle.join(", ")}`);
  }
  return lines;
}

function andMore(total: number): string[] {
  return total > namesShown ? [`… and ${total - namesShown} more`] : [];
}

function remark({ announcedAgain, tapGaps }: Details): string[] {
  const lines: string[] = [];
  if (announcedAgain > 0)
    lines.push(`${announcedAgain} announcements were sent more than once: a sender in doubt sends again`);
  if (tapGaps > 0) {
    lines.push(
      `the broker was away ${tapGaps === 1 ? "once" : `${tapGaps} times`} while counting: announced and dispatched are at least these numbers`,
    );
  }
  return lines;
}

function painter(color: boolean) {
  return (style: "green" | "red" | "yellow", text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text;
}
