import { formatColumns } from "../../../lib/table.ts";
import { turnState } from "../../restart/progress.ts";
import { formatDone, goOn, unitsText } from "../../restart/report.ts";
import type { TurnResult } from "../../turns.ts";
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
      unitsText(turn),
      [...(state === "to do" ? [] : [state]), ...(moves ? [moves] : [])].join("; "),
    ];
  });
  return `${formatColumns([["", "host", "packages", "run anew", ""], ...rows], "  ")}\n`;
}

/** What was done, and how to go on. */
export const formatPackagesDone = (stack: string, record: PackagesRecord, results: readonly TurnResult[]): string =>
  formatDone(
    results,
    { column: "packages", done: "upgraded", textOf: ({ host }) => describe(record.upgrades[host] ?? []) },
    goOn(stack, "upgrade"),
  );
