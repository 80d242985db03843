import { cpus } from "node:os";
import { median } from "../../scripts/lib/statistics.ts";
import { benchTable, rounded } from "./report.ts";
import { type EnginePart, engineParts } from "./tree-usage.ts";

/** One run of the engine that changes nothing. */
export interface EngineRun {
  /** Wall-clock time. */
  readonly seconds: number;
  /** CPU seconds by part. */
  readonly cpuSeconds: Readonly<Record<EnginePart, number>>;
}

export interface PreviewResult {
  readonly stack: string;
  readonly hosts: number;
  readonly resources: number;
  readonly stateBytes: number;
  readonly preview: readonly EngineRun[];
  /** `up` that has nothing to do. */
  readonly up: readonly EngineRun[];
}

interface RunSummary {
  readonly seconds: { readonly median: number; readonly least: number; readonly most: number };
  /** Medians. */
  readonly cpuSeconds: Readonly<Record<EnginePart, number>>;
}

/** The shape of `--json`. */
export interface PreviewSummary extends Pick<PreviewResult, "stack" | "hosts" | "resources" | "stateBytes"> {
  readonly preview: RunSummary;
  readonly up: RunSummary;
}

export function summarisePreview({ preview, up, ...stack }: PreviewResult): PreviewSummary {
  return { ...stack, preview: summaryOf(preview), up: summaryOf(up) };
}

function summaryOf(runs: readonly EngineRun[]): RunSummary {
  const seconds = runs.map((run) => run.seconds);
  const cpu = (part: EnginePart): number => rounded(median(runs.map(({ cpuSeconds }) => cpuSeconds[part])), 2);
  return {
    seconds: {
      median: rounded(median(seconds), 2),
      least: rounded(Math.min(...seconds), 2),
      most: rounded(Math.max(...seconds), 2),
    },
    cpuSeconds: { engine: cpu("engine"), program: cpu("program"), plugins: cpu("plugins"), ssh: cpu("ssh") },
  };
}

/** The table. Ends with a newline. */
export function formatPreviewBench(result: PreviewResult): string {
  const { stack, hosts, resources, stateBytes, preview, up } = summarisePreview(result);
  const row = (name: string, { seconds, cpuSeconds }: RunSummary): string[] => [
    name,
    `${seconds.median.toFixed(1)} s`,
    `${seconds.least.toFixed(1)} to ${seconds.most.toFixed(1)} s`,
    ...engineParts.map((part) => `${cpuSeconds[part].toFixed(1)} s`),
  ];
  return [
    `stack ${stack}: ${hosts} hosts, ${resources} resources, ${Math.round(stateBytes / 1000)} kB of state; Node ${process.version}; ${cpus().length} processors`,
    `medians of ${result.preview.length}; processor time by process`,
    "",
    benchTable([["", "takes", "", ...engineParts], row("preview, no change", preview), row("up, nothing to do", up)]),
    "",
  ].join("\n");
}
