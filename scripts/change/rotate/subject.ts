import type { StackConfig } from "../../../infra/config/index.ts";
import { readStackConfig } from "../../engine/stack-config.ts";
import { awaitHealthy, describeProblem, type Problem } from "../../inspect/health.ts";
import { type EngineContext, up } from "../restore/engine.ts";

/** What a rotation works on. */
export interface Subject {
  readonly stack: string;
  readonly engine: EngineContext;
  /** The config as it was before the rotation began. */
  readonly before: StackConfig;
  readonly startedAt: string;
  /** Milliseconds for the system to recover after a change. */
  readonly healthyWithinMs: number;
  say(text: string): void;
}

export const configNow = ({ stack }: Pick<Subject, "stack">): Promise<StackConfig> => readStackConfig(stack);

/** Applies the config with `up`, and waits until the system is healthy. @returns the problem that is left */
export async function apply(subject: Subject): Promise<string[]> {
  await up(subject.engine);
  const problem = await problemNow(subject, subject.healthyWithinMs);
  return problem ? [describeProblem(problem)] : [];
}

export const problemNow = (
  { stack, say, engine: { signal } }: Pick<Subject, "stack" | "say" | "engine">,
  withinMs: number,
): Promise<Problem | undefined> =>
  awaitHealthy(stack, { withinMs, signal, onProblem: (problem) => say(`waiting: ${describeProblem(problem)}`) });
