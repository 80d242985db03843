import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { replayCommand } from "./report.ts";
import { type Owner, Rig } from "./rig.ts";
import { validCount } from "./seeds.ts";
import type { FuzzOptions, FuzzReport } from "./subject.ts";

/** The counts of a run. */
export interface Counts {
  readonly cameOut: number;
  readonly refused: number;
  readonly findings: readonly string[];
}

/** Measures a run and makes its report. Adds the seed to findings without an input. */
export async function reported(
  subject: string,
  options: FuzzOptions,
  work: () => Promise<Counts>,
): Promise<FuzzReport> {
  const beganMs = performance.now();
  const { findings, ...counts } = await work();
  const { seed, count, only } = options;
  return {
    ...{ subject, seed, count: only === undefined ? count : 1, valid: validCount(options), ...counts },
    seconds: (performance.now() - beganMs) / 1000,
    findings: findings.map((finding) => (finding.includes("--seed") ? finding : `${finding} (seed ${seed})`)),
  };
}

/** Runs with a rig, which is removed before this resolves or rejects. */
export function inRig(
  name: string,
  broker: LocalBroker | undefined,
  options: FuzzOptions,
  work: (rig: Rig) => Promise<Counts>,
  owner?: Owner,
): Promise<FuzzReport> {
  return reported(name, options, async () => {
    const rig = new Rig({ name, broker, signal: options.signal, owner });
    try {
      if (broker) await rig.open();
      const counts = await work(rig);
      return { ...counts, findings: [...counts.findings, ...rig.faults()] };
    } finally {
      await rig.cleanup.run();
    }
  });
}

/** An input on one line, with the command that replays it. */
export function describe(subject: string, seed: number, { index, what }: { index: number; what: string }): string {
  return `${what} — ${replayCommand(subject, seed, index)}`;
}
