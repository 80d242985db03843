import type { SeriesTraits } from "../../infra/config/series.ts";
import { brokerUnit } from "../../infra/model/names.ts";
import { formatColumns } from "../lib/columns.ts";
import { canSpare } from "../lib/wholeness.ts";
import type { Chain } from "../runbook/chain.ts";
import { shortUnit, type Turn } from "./plan.ts";
import type { TurnState } from "./progress.ts";
import type { TurnResult } from "./run.ts";

export interface PlannedTurn extends Turn {
  readonly state: TurnState;
  readonly holdsAddress: boolean;
}

/** What is about to be done, in order. */
export function formatPlan(
  chain: Chain,
  replication: SeriesTraits["replication"],
  turns: readonly PlannedTurn[],
): string {
  const rows = turns.map(({ host, units, state, holdsAddress }, index) => {
    const notes = [
      ...(state === "to do" ? [] : [state]),
      ...(holdsAddress && chain.members.length > 1 && chain.vip
        ? [`${chain.vip.address} moves away first, and back`]
        : []),
      ...(units.includes(brokerUnit) && !canSpare(chain, replication)
        ? ["nobody stands in for this broker: announcements wait on disk meanwhile"]
        : []),
    ];
    return [String(index + 1), host, units.map(shortUnit).join(", "), notes.join("; ")];
  });
  return `${formatColumns([["", "host", "restarts", ""], ...rows], "  ")}\n`;
}

/** What was done, and how to go on. */
export function formatRestart(stack: string, results: readonly TurnResult[]): string {
  const rows = results.map(({ host, units, outcome, seconds, why }) => [
    host,
    units.map(shortUnit).join(", "),
    outcome,
    seconds === undefined ? "" : `${seconds.toFixed(0)} s`,
    outcome === "failed" ? (why ?? "") : "",
  ]);
  const failed = results.find(({ outcome }) => outcome === "failed");
  const lines = [formatColumns([["host", "units", "", "", ""], ...rows], "  ")];
  if (failed) {
    lines.push("", `✗ ${failed.host}: ${failed.why}`, ...(failed.remedy ? [`  remedy: ${failed.remedy}`] : []));
  }
  if (results.some(({ outcome }) => outcome === "failed" || outcome === "not begun")) lines.push(goOn(stack));
  return `${lines.join("\n")}\n`;
}

/** `--again` begins anew. */
export const goOn = (stack: string): string =>
  `  then: ./warren restart -s ${stack} goes on with what is left; ./warren verify -s ${stack} says what is broken`;
