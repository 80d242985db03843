import { type Bench, lengthOf, runSchedule, type Schedule } from "./schedule.ts";

/** Limit of runs for shrinking a failing schedule. */
const triesMax = 2000;

/** A failing schedule, with its error. */
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

/** Removes steps while the schedule still fails, with any error: large pieces first, then single steps, until none can be removed. */
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

/** The report of a failed schedule: the command that replays it, and its trace. */
export function report(failure: Failure, bench: Bench): string {
  const smallest = shrink(failure, bench);
  const lines: string[] = [];
  try {
    runSchedule(smallest.schedule, bench, (line) => lines.push(line));
  } catch {
    // The error is in the report.
  }
  const { seed, steps } = smallest.schedule;
  return [
    `${smallest.error.message}`,
    `replay: SEED=${seed}${steps ? ` STEPS=${steps.join(",")}` : ""} vitest run --project unit tests/simulation`,
    `(before shrinking: SEED=${seed}, ${failure.error.message})`,
    ...lines,
    ...(smallest.error.stack?.split("\n").slice(0, 6) ?? []),
  ].join("\n");
}
