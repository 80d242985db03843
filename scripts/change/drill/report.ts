import type { Verification } from "../../inspect/verify/judge.ts";
import type { StepId } from "../../inspect/verify/step.ts";
import { formatColumns } from "../../lib/table.ts";
import type { DrillKind } from "./kinds.ts";
import type { MeasuredPhase } from "./measure.ts";
import type { DrillResult } from "./run.ts";

/** The output of `--json`, which is also recorded. */
export interface DrillReport extends DrillResult {
  readonly kind: string;
  readonly host: string;
  readonly ok: boolean;
  /** Broken links that `verify` finds; a drill does not start if one of them concerns it. */
  readonly before: readonly Broken[];
  readonly after: readonly Broken[];
}

export interface Broken {
  readonly host: string;
  readonly id: StepId;
  readonly step: string;
  readonly evidence: string;
}

export const brokenOf = ({ steps }: Verification): Broken[] =>
  steps
    .filter(({ verdict }) => verdict === "broken")
    .map(({ host, id, step, evidence }) => ({ host, id, step, evidence }));

/** Broken links that were not broken before. Pure. */
export function brokenSince(before: readonly Broken[], after: readonly Broken[]): Broken[] {
  return after.filter((one) => !before.some(({ host, id }) => host === one.host && id === one.id));
}

export function formatPlan(kind: DrillKind, host: string, holdMs: number): string {
  const rows = [
    ["1", `${host} ${kind.does}`, kind.expectation],
    ["2", `stays so for ${holdMs / 1000} s`, "products keep flowing"],
    ["3", `${host} is repaired`, "the system is healthy, as before"],
  ];
  return `${formatColumns([["", "step", "expected"], ...rows], "  ")}\n`;
}

/** One row a phase, then the products, what failed, and the broken links before and after. */
export function formatDrill({ phases, account, trouble, before, after }: DrillReport, wantedMs?: number): string {
  const rows = phases.map((phase) => [
    phase.what,
    phase.from === phase.to ? phase.to : `${phase.from} -> ${phase.to}`,
    ...[phase.pauseMs, wantedMs, phase.usualMs, phase.leftMs, phase.heldMs, phase.firstDecisionMs].map(pauseText),
    String(phase.products),
  ]);
  const head = ["action", "virtual IP", "pause", "wanted", "usual", "left", "held", "dispatches", "products"];
  const lines = [
    ...(phases.length > 0 ? [formatColumns([head, ...rows], "  "), ...phases.flatMap(unmeasured)] : []),
    ...(account ? [accountText(account)] : []),
    ...trouble.flatMap(({ what, remedy }) => [`✗ ${what}`, `  remedy: ${remedy}`]),
    `  verify before: ${brokenText(before)}`,
    `  verify after: ${brokenText(after)}`,
    ...brokenSince(before, after).map(({ host, step, evidence }) => `✗ newly broken: ${host}, ${step}: ${evidence}`),
  ];
  return `${lines.join("\n")}\n`;
}

export const pauseText = (ms: number | undefined): string => (ms === undefined ? "-" : `${ms} ms`);

const accountText = ({ announced, lost, repeated }: NonNullable<DrillResult["account"]>): string =>
  `  ${announced} products announced during the drill: ${lost.length} lost, ${repeated.length} placed twice`;

function unmeasured({ what, pauseMs }: MeasuredPhase): string[] {
  return pauseMs === undefined ? [`  ${what}: no products came in this time, so no pause was measured`] : [];
}

const brokenText = (links: readonly Broken[]): string =>
  links.length === 0 ? "no broken link" : links.map(({ host, step }) => `${host}, ${step}`).join("; ");
