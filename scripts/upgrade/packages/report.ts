import { formatColumns } from "../../lib/columns.ts";
import { shortUnit } from "../../restart/plan.ts";
import { turnState } from "../../restart/progress.ts";
import type { TurnResult } from "../../restart/run.ts";
import type { PackagesRecord } from "./record.ts";
import { describe } from "./turns.ts";

/** What is about to be done, in order. */
export function formatPackages(
  record: PackagesRecord,
  vip: { readonly holder: string; readonly address: string } | undefined,
): string {
  const rows = record.turns.map((turn, index) => {
    const state = turnState(turn, record);
    const moves = vip && vip.holder === turn.host ? `${vip.address} moves away first, and back` : "";
    return [
      String(index + 1),
      turn.host,
      describe(record.upgrades[turn.host] ?? []),
      turn.units.map(shortUnit).join(", "),
      [...(state === "to do" ? [] : [state]), ...(moves ? [moves] : [])].join("; "),
    ];
  });
  return `${formatColumns([["", "host", "packages", "run anew", ""], ...rows], "  ")}\n`;
}

/** What was done, and how to go on. */
export function formatPackagesDone(stack: string, record: PackagesRecord, results: readonly TurnResult[]): string {
  const rows = results.map(({ host, outcome, seconds, why }) => [
    host,
    describe(record.upgrades[host] ?? []),
    outcome === "restarted" ? "upgraded" : outcome,
    seconds === undefined ? "" : `${seconds.toFixed(0)} s`,
    outcome === "failed" ? (why ?? "") : "",
  ]);
  const failed = results.find(({ outcome }) => outcome === "failed");
  const lines = [formatColumns([["host", "packages", "", "", ""], ...rows], "  ")];
  if (failed)
    lines.push("", `✗ ${failed.host}: ${failed.why}`, ...(failed.remedy ? [`  remedy: ${failed.remedy}`] : []));
  if (results.some(({ outcome }) => outcome === "failed" || outcome === "not begun")) {
    lines.push(
      `  then: ./warren upgrade -s ${stack} goes on with what is left; ./warren verify -s ${stack} says what is broken`,
    );
  }
  return `${lines.join("\n")}\n`;
}
