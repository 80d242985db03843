import { z } from "zod";
import { type RunRecord, runSteps } from "../../engine/run-record.ts";

/** One step of a rotation. What it does can be done again: a run that was killed in it goes on with it. */
export interface Phase {
  readonly name: string;
  readonly where: string;
  readonly what: string;
  /** What this means for who is connected. */
  readonly meanwhile: string;
  /** @returns what keeps the rotation from going on; the same command asks again */
  run(): Promise<readonly string[]>;
}

export interface Rotation {
  /** For the record: `password feeder`, `tls`. */
  readonly what: string;
  readonly phases: readonly Phase[];
  /** What is left to be done by a person. */
  readonly afterwards: readonly string[];
}

export const rotationRecord = z.object({ startedAt: z.string(), what: z.string(), done: z.array(z.string()) });
export type RotationRecord = z.infer<typeof rotationRecord>;

export interface PhaseResult {
  readonly phase: string;
  readonly outcome: "done" | "done before" | "stopped" | "not begun";
  readonly seconds?: number;
  readonly findings?: readonly string[];
}

/** Thrown between two phases: nothing has failed. */
class Stopped extends Error {}

/** Runs the phases that are left, each noted as done before the next begins, and stops at the first that finds something. */
export async function runPhases(
  { phases }: Rotation,
  kept: RunRecord<RotationRecord>,
  begun: RotationRecord,
  say: (phase: Phase) => void,
): Promise<PhaseResult[]> {
  const results = new Map<string, PhaseResult>(
    phases.map(({ name }) => [name, { phase: name, outcome: begun.done.includes(name) ? "done before" : "not begun" }]),
  );
  const names = phases.map(({ name }) => name);
  try {
    await runSteps(kept, begun, names, async (name) => {
      const phase = phases.find((one) => one.name === name);
      if (!phase) throw new TypeError(`no phase ${name}`);
      say(phase);
      const beganMs = performance.now();
      const findings = await phase.run();
      const seconds = Math.round(performance.now() - beganMs) / 1000;
      const outcome = findings.length === 0 ? "done" : "stopped";
      results.set(name, { phase: name, outcome, seconds, ...(findings.length > 0 ? { findings } : {}) });
      if (findings.length > 0) throw new Stopped();
    });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  }
  return [...results.values()];
}
