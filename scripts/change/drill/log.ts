import { UserError } from "../../../agents/lib/errors.ts";
import { appendLog, type Logged, readLog, stackLogFile } from "../../engine/stack-log.ts";
import { formatColumns } from "../../lib/table.ts";
import { type DrillReport, pauseText } from "./report.ts";

/** A recorded drill: the report, when it ended, and who ran it. */
export type LoggedDrill = DrillReport & Logged;

/** The file has one line a drill, and is in this checkout. */
export const drillLogFile = (stack: string): string => stackLogFile("drills", stack);

/** Records a drill. @throws UserError if the file can't be written */
export async function logDrill(stack: string, report: DrillReport, file = drillLogFile(stack)): Promise<void> {
  await appendLog(file, report).catch((cause: Error) => {
    const remedy = "the report above is not recorded; free disk space there";
    throw new UserError(file, `can't be written: ${cause.message}`, remedy, { cause });
  });
}

/** All recorded drills, oldest first. */
export const readDrills = (stack: string, file = drillLogFile(stack)): Promise<LoggedDrill[]> => readLog(file);

/** One row a drill. */
export function formatDrills(drills: readonly LoggedDrill[]): string {
  const head = ["when (UTC)", "by", "drill", "host", "pause", "pause back", "products", "lost", "repeated", "result"];
  const rows = drills.map(({ at, by, kind, host, phases, account, ok, brokenOff }) => [
    at.replace("T", " ").slice(0, 19),
    ...[by, kind, host],
    ...[0, 1].map((index) => pauseText(phases[index]?.pauseMs)),
    ...[account?.announced, account?.lost.length, account?.repeated.length].map((count) => String(count ?? "-")),
    brokenOff ? "interrupted" : ok ? "good" : "failed",
  ]);
  return `${formatColumns([head, ...rows])}\n`;
}
