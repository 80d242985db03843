import { type Bench, lengthOf, runSchedule, type Schedule } from "./schedule.ts";

/** Runs spent on making a failing schedule smaller. */
const triesMax = 2000;

/** A schedule that fails, with what failed. */
export interface Failure {
  readonly schedule: Schedule;
  readonly error: Error;
}

export function failureOf(schedule: Schedule, bench: Bench): Failure | undefined {
  try {
    runSchedule(schedule, bench);
    return undefined;
  } catch (error) {
    return { schedule, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** Leaves out steps as long as the schedule still fails, in whatever way: large pieces first, then single ones, until none can go. */
export function shrink(failure: Failure, bench: Bench): Failure {
  const { seed } = failure.schedule;
  let smallest = failure;
  let steps = [...(failure.schedule.steps ?? Array.from({ length: lengthOf(seed) }, (_, index) => index))];
  let tries = 0;
  for (let size = Math.ceil(steps.length / 2); size >= 1; ) {
    let shorter = false;
    for (let at = 0; at < steps.length && tries < triesMax; ) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      tries++;
      const still = failureOf({ seed, steps: fewer }, bench);
      if (still) {
        smallest = still;
        steps = fewer;
        shorter = true;
      } else at += size;
    }
    if (tries >= triesMax) break;
    if (size === 1 && !shorter) break;
    if (size > 1) size = Math.ceil(size / 2);
  }
  return smallest;
}

/** For the reader of a failed test: how to see it again, and everything that happened. */
export function report(failure: Failure, bench: Bench): string {
  const smallest = shrink(failure, bench);
  const lines: string[] = [];
  try {
    runSchedule(smallest.schedule, bench, (line) => lines.push(line));
  } catch {
    // It is what is reported.
  }
  const { seed, steps } = smallest.schedule;
  return [
    `${smallest.error.message}`,
    `again: SEED=${seed}${steps ? ` STEPS=${steps.join(",")}` : ""} vitest run --project unit tests/simulation`,
    `(as it was before steps were left out: SEED=${seed}, ${failure.error.message})`,
    ...lines,
    ...(smallest.error.stack?.split("\n").slice(0, 6) ?? []),
  ].join("\n");
}
