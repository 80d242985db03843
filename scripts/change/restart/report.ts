import type { SeriesTraits } from "../../../infra/config/series.ts";
import { brokerUnit } from "../../../infra/model/names.ts";
import { canSpare } from "../../inspect/health.ts";
import type { Chain } from "../../inspect/snapshot/chain.ts";
import { type Evidence, holdersOf } from "../../inspect/snapshot/evidence.ts";
import { formatColumns } from "../../lib/table.ts";
import type { HostResult } from "../rolling.ts";
import { type HostStep, shortUnit } from "./plan.ts";
import { type RestartRecord, type StepState, stepState } from "./progress.ts";

export interface PlannedStep extends HostStep {
  readonly state: StepState;
  readonly holdsAddress: boolean;
}

export function plannedSteps(record: RestartRecord, evidence: Evidence): PlannedStep[] {
  const holders = holdersOf(evidence);
  return record.turns.map((turn) => ({
    ...turn,
    state: stepState(turn, record),
    holdsAddress: holders.includes(turn.host),
  }));
}

/** The plan, in order. */
export function formatPlan(
  chain: Chain,
  replication: SeriesTraits["replication"],
  turns: readonly PlannedStep[],
): string {
  const rows = turns.map(({ host, units, state, holdsAddress }, index) => {
    const notes = [
      ...(state === "to do" ? [] : [state]),
      ...(holdsAddress && chain.members.length > 1 && chain.vip
        ? [`${chain.vip.address} moves to another host and back`]
        : []),
      ...(units.includes(brokerUnit) && !canSpare(chain, replication)
        ? ["no other member can replace this broker: announcements wait on disk until it is back"]
        : []),
    ];
    return [String(index + 1), host, unitsText({ units }), notes.join("; ")];
  });
  return `${formatColumns([["", "host", "restarts", ""], ...rows], "  ")}\n`;
}

/** Texts of a table of turns: the name of a column, its text for a turn, the word for a finished turn. */
export interface StepTexts {
  readonly column: string;
  readonly done: string;
  textOf(result: HostResult): string;
}

export const unitsText = ({ units }: Pick<HostStep, "units">): string => units.map(shortUnit).join(", ");

/** A row for each turn: host, the text of `texts`, outcome, time, and why it failed. */
export function formatSteps(results: readonly HostResult[], { column, done, textOf }: StepTexts): string {
  const rows = results.map((result) => {
    const { host, outcome, seconds, why } = result;
    return [
      host,
      textOf(result),
      outcome === "restarted" ? done : outcome,
      seconds === undefined ? "" : `${seconds.toFixed(0)} s`,
      outcome === "failed" ? (why ?? "") : "",
    ];
  });
  return formatColumns([["host", column, "", "", ""], ...rows], "  ");
}

/** What was done, and how to continue. */
export const formatRestart = (stack: string, results: readonly HostResult[]): string =>
  formatDone(results, { column: "units", done: "restarted", textOf: unitsText }, goOn(stack));

/** What was done, the failure and its remedy, and `next`, how to continue, if something is left. */
export function formatDone(results: readonly HostResult[], texts: StepTexts, next: string): string {
  const failed = results.find(({ outcome }) => outcome === "failed");
  const lines = [formatSteps(results, texts)];
  if (failed) {
    lines.push("", `✗ ${failed.host}: ${failed.why}`, ...(failed.remedy ? [`  remedy: ${failed.remedy}`] : []));
  }
  if (results.some(({ outcome }) => outcome === "failed" || outcome === "not begun")) lines.push(next);
  return `${lines.join("\n")}\n`;
}

export const goOn = (stack: string, verb = "restart"): string =>
  `  then: ./warren ${verb} -s ${stack} continues with the rest; ./warren verify -s ${stack} shows what is broken`;
