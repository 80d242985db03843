import { wantsColor } from "../../lib/color.ts";
import type { OpenBackup } from "../backup/file.ts";
import { formatManifest } from "../backup/report.ts";
import type { FlowResult } from "./flow.ts";
import type { RestorePlan } from "./plan.ts";
import type { Progress, StepName } from "./progress.ts";

export function formatPlan(backup: OpenBackup, { lines, warnings }: RestorePlan, before: Progress | undefined): string {
  const text = formatManifest(backup.manifest, new Date(), wantsColor(process.stderr));
  const resumed = before
    ? `continues the restore started ${before.startedAt}; done: ${before.done.join(", ") || "nothing yet"}\n`
    : "";
  const all = [...lines.map((line) => `  ${line}`), ...warnings.map((line) => `! ${line}`)];
  return `${text}\n${resumed}${all.join("\n")}\n\n`;
}

interface Result {
  readonly stack: string;
  readonly seconds: number;
  readonly took: Partial<Record<StepName, number>>;
  readonly findings: readonly string[];
  readonly flow: FlowResult | undefined;
}

export function formatResult(
  { stack, seconds: total, took, findings, flow }: Result,
  before: Progress | undefined,
): string {
  const parts = Object.entries(took).map(([step, time]) => `${step} ${time.toFixed(1)} s`);
  const idle = flow?.withoutProducts ?? [];
  return [
    ...findings.map((text) => `✗ ${text}`),
    ...(flow?.broken ? [`  remedy: ${flow.broken.remedy}`] : []),
    ...(idle.length > 0
      ? [`no products yet on ${idle.join(", ")}; when there are some, check them with ./warren verify -s ${stack}`]
      : []),
    `${findings.length === 0 ? "restored, products can flow" : "restored, with the problems above"}: ${total.toFixed(1)} s (${parts.join(", ")})`,
    ...(before ? [`started ${before.startedAt}, interrupted once`] : []),
    "",
  ].join("\n");
}
