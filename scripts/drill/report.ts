import { formatColumns } from "../lib/columns.ts";
import type { Chain } from "../runbook/chain.ts";
import type { Verification } from "../verify/judge.ts";
import type { MeasuredMove } from "./measure.ts";
import type { DrillResult } from "./run.ts";

/** What `--json` says. */
export interface DrillReport extends DrillResult {
  readonly ok: boolean;
  /** Broken links, as `verify` has them; a drill is not begun where one concerns it. */
  readonly before: readonly Broken[];
  readonly after: readonly Broken[];
}

export interface Broken {
  readonly host: string;
  readonly step: string;
  readonly evidence: string;
}

export const brokenOf = ({ steps }: Verification): Broken[] =>
  steps.filter(({ verdict }) => verdict === "broken").map(({ host, step, evidence }) => ({ host, step, evidence }));

/** Broken links that were not broken before. Pure. */
export function brokenSince(before: readonly Broken[], after: readonly Broken[]): Broken[] {
  return after.filter((one) => !before.some(({ host, step }) => host === one.host && step === one.step));
}

export function formatPlan({ vip }: Chain, from: string, to: string, holdMs: number): string {
  const rows = [
    ["1", `${vip?.name} ${vip?.address} leaves ${from}`, `${to} takes it, its dispatcher goes on`],
    ["2", `it stays there for ${holdMs / 1000} s`, "products go out from there"],
    ["3", `${from} may have it again`, `it comes back, and ${from} dispatches`],
  ];
  return `${formatColumns([["", "what is done", "what is expected"], ...rows], "  ")}\n`;
}

/** A row a move, what is wrong, and what was broken before and after. */
export function formatDrill({ moves, trouble, before, after }: DrillReport): string {
  const rows = moves.map((move) => [
    `${move.from} -> ${move.to}`,
    ms(move.pauseMs),
    ms(move.usualMs),
    ms(move.leftMs),
    ms(move.heldMs),
    ms(move.firstDecisionMs),
    String(move.products),
  ]);
  const head = ["move", "pause", "usual", "left after", "held after", "dispatches after", "products"];
  const since = brokenSince(before, after);
  const lines = [
    ...(moves.length > 0 ? [formatColumns([head, ...rows], "  "), ...moves.flatMap(unmeasured)] : []),
    ...trouble.flatMap(({ what, remedy }) => [`✗ ${what}`, `  remedy: ${remedy}`]),
    `  verify before: ${brokenText(before)}`,
    `  verify after: ${brokenText(after)}`,
    ...since.map(({ host, step, evidence }) => `✗ broken since: ${host}, ${step}: ${evidence}`),
  ];
  return `${lines.join("\n")}\n`;
}

const ms = (value: number | undefined): string => (value === undefined ? "-" : `${value} ms`);

function unmeasured({ from, to, pauseMs }: MeasuredMove): string[] {
  if (pauseMs !== undefined) return [];
  return [`  ${from} -> ${to}: no products came meanwhile, so there is no pause to be measured`];
}

const brokenText = (links: readonly Broken[]): string =>
  links.length === 0 ? "no broken link" : links.map(({ host, step }) => `${host}, ${step}`).join("; ");
