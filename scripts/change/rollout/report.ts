import { toJson } from "../../lib/options.ts";
import { formatColumns } from "../../lib/table.ts";
import { type RestartRecord, turnState } from "../restart/progress.ts";
import { formatTurns, unitsText } from "../restart/report.ts";
import type { TurnResult } from "../restart/run.ts";
import type { Change } from "./changes.ts";

/** The turns, with what of them is done. Pure. */
export function formatPlan(record: RestartRecord, changes: readonly Change[]): string {
  const rows = record.turns.map((turn, index) => {
    const programs = changes.filter(({ host }) => host === turn.host).flatMap((one) => one.programs);
    const names = new Set(programs.map(({ name, installedSha256 }) => `${name} ${installedSha256.slice(0, 8)}`));
    const state = turnState(turn, record);
    return [String(index + 1), turn.host, unitsText(turn), [...names].join(", "), state === "to do" ? "" : state];
  });
  return `${formatColumns([["", "host", "units", "new", ""], ...rows], "  ")}\n`;
}

/** The end, on standard output: what became of each host's turn, and a text for a person. */
export function tell(
  { json }: { readonly json?: true },
  ok: boolean,
  backOn: readonly string[],
  turns: readonly TurnResult[],
  text: string,
): void {
  if (json) {
    process.stdout.write(toJson({ ok, backOn, turns }));
    return;
  }
  const words = { column: "units", done: "new", textOf: unitsText };
  const table = turns.length > 0 ? `${formatTurns(turns, words)}\n` : "";
  process.stdout.write(`${table}${text}`);
}
