import type { Verification } from "../../inspect/verify/judge.ts";
import type { StepId } from "../../inspect/verify/step.ts";
import { formatColumns } from "../../lib/table.ts";
import type { DrillKind } from "./kinds.ts";
import type { MeasuredPhase } from "./measure.ts";
import type { DrillResult } from "./run.ts";

/** What `--json` says, and what is kept of a drill. */
export interface DrillReport extends DrillResult {
  readonly kind: string;
  readonly host: string;
  readonly ok: boolean;
  /** Broken links, as `verify` has them; a drill is not begun where one concerns it. */
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
    ["2", `so for ${holdMs / 1000} s`, "products go on"],
    ["3", `${host} is mended`, "all is whole, and as before"],
  ];
  return `${formatColumns([["", "what is done", "what is expected"], ...rows], "  ")}\n`;
}

/** A row a phase, what became of the products, what is wrong, and what was broken before and after. */
export function formatDrill({ phases, account, trouble, before, after }: DrillReport, wantedMs?: number): string {
  const rows = phases.map((phase) => [
    phase.what,
    phase.from === phase.to ? phase.to : `${phase.from} -> ${phase.to}`,
    ...[phase.pauseMs, wantedMs, phase.usualMs, phase.leftMs, phase.heldMs, phase.firstDecisionMs].map(pauseText),
    String(phase.products),
  ]);
  const head = ["what", "virtual IP", "pause", "wanted", "usual", "left", "held", "dispatches", "products"];
  const lines = [
    ...(phases.length > 0 ? [formatColumns([head, ...rows], "  "), ...phases.flatMap(unmeasured)] : []),
    ...(account ? [accountText(account)] : []),
    ...trouble.flatMap(({ what, remedy }) => [`✗ ${what}`, `  remedy: ${remedy}`]),
    `  verify before: ${brokenText(before)}`,
    `  verify after: ${brokenText(after)}`,
    ...brokenSince(before, after).map(({ host, step, evidence }) => `✗ broken since: ${host}, ${step}: ${evidence}`),
  ];
  return `${lines.join("\n")}\n`;
}

export const pauseText = (ms: number | undefined): string => (ms === undefined ? "-" : `${ms} ms`);

const accountText = ({ announced, lost, repeated }: NonNullable<DrillResult["account"]>): string =>
  `  ${announced} products announced meanwhile: ${lost.length} lost, ${repeated.length} placed twice`;

function unmeasured({ what, pauseMs }: MeasuredPhase): string[] {
  return pauseMs === undefined ? [`  ${what}: no products came meanwhile, so there is no pause to be measured`] : [];
}

const brokenText = (links: readonly Broken[]): string =>
  links.length === 0 ? "no broken link" : links.map(({ host, step }) => `${host}, ${step}`).join("; ");
