import { UserError } from "../../../agents/lib/errors.ts";
import { appendLog, type Logged, readLog, stackLogFile } from "../../engine/stack-log.ts";
import { formatColumns } from "../../lib/table.ts";
import { type DrillReport, pauseText } from "./report.ts";

/** One drill of a stack, as it is kept: when it was over, and who did it. */
export type LoggedDrill = DrillReport & Logged;

/** A line a drill, in this checkout. */
export const drillLogFile = (stack: string): string => stackLogFile("drills", stack);

/** Keeps a drill that was shown. @throws UserError where the file can't be written */
export async function logDrill(stack: string, report: DrillReport, file = drillLogFile(stack)): Promise<void> {
  await appendLog(file, report).catch((cause: Error) => {
    const remedy = "what is shown above is not kept; make room there";
    throw new UserError(file, `can't be written: ${cause.message}`, remedy, { cause });
  });
}

/** All drills, the oldest first. */
export const readDrills = (stack: string, file = drillLogFile(stack)): Promise<LoggedDrill[]> => readLog(file);

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
