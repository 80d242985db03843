import { formatColumns } from "../../../lib/table.ts";
import { stepState } from "../../restart/progress.ts";
import { formatDone, goOn, unitsText } from "../../restart/report.ts";
import type { HostResult } from "../../rolling.ts";
import { describe } from "./host-steps.ts";
import type { PackagesRecord } from "./record.ts";

/** The plan, in order. */
export function formatPackages(
  record: PackagesRecord,
  vip: { readonly holder: string; readonly address: string } | undefined,
): string {
  const rows = record.turns.map((turn, index) => {
    const state = stepState(turn, record);
    const moves = vip && vip.holder === turn.host ? `${vip.address} moves to another host and back` : "";
    return [
      String(index + 1),
      turn.host,
      describe(record.upgrades[turn.host] ?? []),
      unitsText(turn),
      [...(state === "to do" ? [] : [state]), ...(moves ? [moves] : [])].join("; "),
    ];
  });
  return `${formatColumns([["", "host", "packages", "restarts", ""], ...rows], "  ")}\n`;
}

/** What was done, and how to continue. */
export const formatPackagesDone = (stack: string, record: PackagesRecord, results: readonly HostResult[]): string =>
  formatDone(
    results,
    { column: "packages", done: "upgraded", textOf: ({ host }) => describe(record.upgrades[host] ?? []) },
    goOn(stack, "upgrade"),
  );
