import { access, constants, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { andMore, byHost, formatSections, judges, namesShown, type Section } from "../lib/table.ts";
import { type Account, type Details, isGood } from "./accounting.ts";
import type { PublicAccount } from "./public-account.ts";
import { publicSection } from "./public-report.ts";
import type { PublicResult } from "./public-run.ts";

const explanation: Record<Details["lost"][number]["after"], string> = {
  written: "written, not announced: check the announcers",
  announced: "announced, not dispatched: check the dispatcher",
  dispatched: "dispatched, not pulled: check the pullers and the dead letters",
};

export interface ReportOptions {
  readonly account: Account;
  readonly details: Details;
  /** Products of the plan. */
  readonly count: number;
  /** Why the run stopped early. */
  readonly outcome: "complete" | "stalled" | "aborted";
  readonly color: boolean;
}

/** The table at the end of a run, followed by faults. Ends with a newline. */
export const formatReport = (options: ReportOptions): string => formatSections([radarSection(options)], options.color);

/** All paths in one table, the radar path first. @param toPublic result for each public data server, by its host */
export function formatRoads(radar: ReportOptions, toPublic: ReadonlyMap<string, PublicResult>): string {
  if (toPublic.size === 0) return formatReport(radar);
  const { color } = radar;
  const sections = [...toPublic].map(([host, result]) => publicSection(result, color, toPublic.size > 1 ? host : ""));
  return formatSections([{ title: "URP to PDS", ...radarSection(radar) }, ...sections], color);
}

function radarSection(options: ReportOptions): Section {
  const { account, details, count } = options;
  const { none, all } = judges(options.color);
  const { p50, p99, max } = account.latencyMs;
  return {
    rows: [
      ["announced", byHost(account.announced)],
      ["dispatched", all(account.dispatched, count)],
      ["first arrivals won", byHost(account.won)],
      ["pulled", byHost(account.pulled)],
      ["lost", none(account.lost)],
      ["repeated", none(account.repeated)],
      ["wrong size", none(account.wrongSize)],
      ["wrong content", none(account.wrongContent)],
      ["closed to received", `p50 ${p50} ms   p99 ${p99} ms   max ${max} ms`],
      ["took", byHost(account.seconds, " s")],
    ],
    complaints: complain(options),
    notes: remark(details),
  };
}

/** Checks before a run that `writeAccount` will be able to write. */
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

/** The content of `--json`: the account of the radar path, and that of the public data server path if it was used. */
export type WrittenAccount = Account & { readonly public?: PublicAccount };

/** Writes the account as `--json` promises it, and nothing else. */
export async function writeAccount(path: string, account: WrittenAccount): Promise<void> {
  await writeFile(path, `${JSON.stringify(account, null, 2)}\n`).catch((error: Error) => {
    throw unwritable(path, error.message);
  });
}

function unwritable(path: string, reason: string): UserError {
  return new UserError(path, `can't be written: ${reason}`, "name another file for --json");
}

function complain({ account, details, outcome }: ReportOptions): string[] {
  // Products in flight at that moment are not lost: the run did not wait for them.
  if (outcome === "aborted") return ["stopped before everything had arrived"];
  const lines: string[] = [];
  if (outcome === "stalled") lines.push("gave up: nothing arrived any more");
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

function remark({ announcedAgain, tapGaps }: Details): string[] {
  const lines: string[] = [];
  if (announcedAgain > 0)
    lines.push(`${announcedAgain} announcements were sent more than once: agents resend what is unconfirmed`);
  if (tapGaps > 0) {
    lines.push(
      `the broker was away ${tapGaps === 1 ? "once" : `${tapGaps} times`} while counting: announced and dispatched are at least these numbers`,
    );
  }
  return lines;
}
