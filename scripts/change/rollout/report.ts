import { formatColumns } from "../../lib/table.ts";
import { type RestartRecord, stepState } from "../restart/progress.ts";
import { formatSteps, unitsText } from "../restart/report.ts";
import { type HostResult, isAllDone, reportOf } from "../rolling.ts";
import type { Report } from "../runbook.ts";
import type { Change } from "./changes.ts";

/** The plan, with the state of each turn. Pure. */
export function formatPlan(record: RestartRecord, changes: readonly Change[]): string {
  const rows = record.turns.map((turn, index) => {
    const programs = changes.filter(({ host }) => host === turn.host).flatMap((one) => one.programs);
    const names = new Set(programs.map(({ name, installedSha256 }) => `${name} ${installedSha256.slice(0, 8)}`));
    const state = stepState(turn, record);
    return [String(index + 1), turn.host, unitsText(turn), [...names].join(", "), state === "to do" ? "" : state];
  });
  return `${formatColumns([["", "host", "units", "new", ""], ...rows], "  ")}\n`;
}

export function stepsTable(turns: readonly HostResult[]): string {
  return turns.length > 0 ? `${formatSteps(turns, { column: "units", done: "new", textOf: unitsText })}\n` : "";
}

/** The result of a rollout without a rollback. */
export function reportRollout(stack: string, turns: readonly HostResult[]): Report {
  const ok = isAllDone(turns);
  const more = ok ? "" : `  then: ./warren rollout -s ${stack} continues\n`;
  return reportOf(turns, { ok, backOn: [], turns }, `${stepsTable(turns)}${more}`);
}
