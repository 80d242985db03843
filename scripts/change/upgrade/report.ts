import type { Drained } from "./drain.ts";
import { type StepName, stepsOf, stepTexts, type UpgradeRecord } from "./record.ts";

export interface Outcome {
  readonly seconds: Readonly<Partial<Record<StepName, number>>>;
  readonly drained?: Drained;
  /** Problems at the end. */
  readonly findings: readonly string[];
}

/** The plan, in order. */
export function formatMove(record: UpgradeRecord, notes: readonly string[]): string {
  const steps = stepsOf(record).map((step, index) => {
    const state = record.done.includes(step) ? " (done)" : "";
    return `  ${index + 1} ${step.padEnd(11)} ${stepTexts[step]}${state}`;
  });
  return [
    `announcements move ${record.isReturn ? "back " : ""}from ${record.from} to ${record.to}:`,
    ...steps,
    ...notes.map((note) => `! ${note}`),
    "",
  ].join("\n");
}

export function formatOutcome(stack: string, record: UpgradeRecord, { seconds, drained, findings }: Outcome): string {
  const { from, to, isReturn, pauseMs } = record;
  const took = Object.entries(seconds).map(([step, time]) => `${step} ${time.toFixed(1)} s`);
  const carried = Object.entries(drained?.carried ?? {}).filter(([, messages]) => messages > 0);
  return [
    ...findings.map((text) => `✗ ${text}`),
    `the announcements are on ${to} (${took.join(", ")})`,
    ...(pauseMs === undefined
      ? []
      : [`nothing was dispatched for ${(pauseMs / 1000).toFixed(1)} s; announcers kept new announcements on disk`]),
    ...(carried.length > 0
      ? [`carried over: ${carried.map(([name, messages]) => `${name} ${messages}`).join(", ")}`]
      : []),
    isReturn
      ? `${from} is on standby; move there again with ./warren upgrade -s ${stack} --to ${from}`
      : `${from} is on standby: move back with ./warren upgrade -s ${stack} --return, or release it with --finish`,
    "",
  ].join("\n");
}
