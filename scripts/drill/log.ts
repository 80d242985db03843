import { appendFile, mkdir, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { formatColumns } from "../lib/columns.ts";
import { checkout } from "../toolchain/places.ts";
import { type DrillReport, pauseText } from "./report.ts";

/** One drill of a stack, as it is kept. */
export interface LoggedDrill extends DrillReport {
  /** When it was over, ISO 8601. */
  readonly at: string;
  readonly by: string;
}

/** A line a drill, in this checkout. */
export const drillLogFile = (stack: string): string =>
  join(checkout, ".warren/drills", `${stack.replaceAll("/", "-")}.jsonl`);

/** @returns the file */
export async function logDrill(stack: string, report: DrillReport, file = drillLogFile(stack)): Promise<string> {
  const line: LoggedDrill = { at: new Date().toISOString(), by: userInfo().username, ...report };
  await mkdir(dirname(file), { recursive: true });
  await appendFile(file, `${JSON.stringify(line)}\n`);
  return file;
}

/** All drills, the oldest first. A line that a full disk has cut is left out. */
export async function readDrills(stack: string, file = drillLogFile(stack)): Promise<LoggedDrill[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as LoggedDrill];
    } catch {
      return [];
    }
  });
}

/** A row a drill. */
export function formatDrills(drills: readonly LoggedDrill[]): string {
  const head = ["when (UTC)", "by", "drill", "host", "pause", "pause back", "products", "lost", "repeated", "result"];
  const rows = drills.map(({ at, by, kind, host, phases, account, ok, brokenOff }) => [
    at.replace("T", " ").slice(0, 19),
    ...[by, kind, host],
    ...[0, 1].map((index) => pauseText(phases[index]?.pauseMs)),
    ...[account?.announced, account?.lost.length, account?.repeated.length].map((count) => String(count ?? "-")),
    brokenOff ? "broken off" : ok ? "good" : "not good",
  ]);
  return `${formatColumns([head, ...rows])}\n`;
}
