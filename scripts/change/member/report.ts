import type { FlowResult } from "../restore/flow.ts";
import type { Progress, ReplacePlan, StepName } from "./plan.ts";

export function formatPlan(
  host: string,
  { lines }: ReplacePlan,
  lost: readonly string[],
  before: Progress | undefined,
): string {
  const resumed = before
    ? [`continues the replacement started ${before.startedAt}; done: ${before.done.join(", ") || "nothing yet"}`]
    : [];
  const steps = lines.map((line) => `  ${line}`);
  return [`${host} is replaced by a new host:`, ...steps, ...lostLines(lost), ...resumed, "", ""].join("\n");
}

const lostLines = (lost: readonly string[]): string[] =>
  lost.length === 0 ? [] : ["lost with the dead host:", ...lost.map((line) => `  ${line}`)];

interface Result {
  readonly host: string;
  readonly seconds: number;
  readonly took: Partial<Record<StepName, number>>;
  readonly lost: readonly string[];
  readonly notes: readonly string[];
  readonly flow: FlowResult;
}

export function formatResult({ host, seconds: total, took, lost, notes, flow }: Result): string {
  const parts = Object.entries(took).map(([step, time]) => `${step} ${time.toFixed(1)} s`);
  const { broken } = flow;
  return [
    ...lostLines(lost),
    ...notes,
    ...(broken
      ? [`✗ ${broken.host}, ${broken.step}: ${broken.evidence}`, `  remedy: ${broken.remedy}`]
      : ["verify: no broken link"]),
    `${host} is replaced: ${total.toFixed(1)} s (${parts.join(", ")})`,
    "",
  ].join("\n");
}
