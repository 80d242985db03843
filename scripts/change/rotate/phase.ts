import * as z from "zod";
import { type RunRecord, runSteps, type StepResult, Stopped } from "../../engine/run-record.ts";

/** One step of a rotation. It can be repeated: a run that was killed continues with it. */
export interface Phase {
  readonly name: string;
  readonly where: string;
  readonly what: string;
  /** How it affects connected clients. */
  readonly meanwhile: string;
  /** @returns problems that stop the rotation; the same command checks again */
  run(): Promise<readonly string[]>;
}

export interface Rotation {
  /** Its name in the record: `password feeder`, `tls`. */
  readonly what: string;
  readonly phases: readonly Phase[];
  /** What the operator has to do afterwards. */
  readonly afterwards: readonly string[];
}

export const rotationRecord = z.object({ startedAt: z.string(), what: z.string(), done: z.array(z.string()) });
export type RotationRecord = z.infer<typeof rotationRecord>;

export interface PhaseResult extends Pick<StepResult, "outcome" | "seconds"> {
  readonly phase: string;
  readonly findings?: readonly string[];
}

/** Runs the phases that are left, records each as done before the next begins, and stops at the first with findings. */
export async function runPhases(
  { phases }: Rotation,
  kept: RunRecord<RotationRecord>,
  begun: RotationRecord,
  say: (phase: Phase) => void,
): Promise<PhaseResult[]> {
  const byName = new Map(phases.map((phase) => [phase.name, phase]));
  const results = await runSteps(kept, begun, [...byName.keys()], async (name) => {
    const phase = byName.get(name);
    if (!phase) throw new TypeError(`no phase ${name}`);
    say(phase);
    const findings = await phase.run();
    if (findings.length > 0) throw new Stopped(findings);
  });
  return results.map(({ step, stopped, ...result }) => ({
    phase: step,
    ...result,
    ...(stopped ? { findings: stopped.findings } : {}),
  }));
}
