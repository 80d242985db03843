import { cpus } from "node:os";
import type { EngineRun } from "./preview-report.ts";
import { benchTable } from "./report.ts";
import { engineParts } from "./tree-usage.ts";

/** Runs of the engine on simulated hosts; also the shape of `--json`. */
export interface SimulatedResult {
  readonly hosts: number;
  readonly resources: number;
  readonly stateBytes: number;
  /** By what they do. */
  readonly runs: Readonly<Record<string, EngineRun>>;
}

/** The table. Ends with a newline. */
export function formatSimulated(results: readonly SimulatedResult[]): string {
  const rows = results.flatMap(({ hosts, resources, stateBytes, runs }) =>
    Object.entries(runs).map(([name, { seconds, cpuSeconds }], index) => [
      ...(index === 0 ? [String(hosts), String(resources), `${Math.round(stateBytes / 1000)} kB`] : ["", "", ""]),
      name,
      `${seconds.toFixed(1)} s`,
      ...simulatedParts.map((part) => `${cpuSeconds[part].toFixed(1)} s`),
    ]),
  );
  return [
    `simulated hosts, whose steps do nothing; Node ${process.version}; ${cpus().length} processors`,
    "",
    benchTable([["hosts", "resources", "state", "", "takes", ...simulatedParts], ...rows]),
    "",
  ].join("\n");
}

/** The program asks no host, so it starts no ssh. */
const simulatedParts = engineParts.filter((part) => part !== "ssh");
