import { expect, test } from "vitest";
import { realBench, runBatch } from "./batch.ts";
import { FaultPoints } from "./fault-points.ts";
import { Counts } from "./judge.ts";
import { lengthOf, runSchedule } from "./schedule.ts";
import { failureOf, report } from "./shrink.ts";

// Two real cores on a simulated broker. What the model leaves out: messages on a broker's disk that are lost with a majority of its
// nodes, a process that hangs for longer than the broker waits, clocks that differ by more than half a second.

const scheduleCount = 10_000;

const { SEED: seed, STEPS: steps } = process.env;

test.runIf(seed !== undefined)("the schedule that SEED (and STEPS) names", () => {
  const bench = realBench();
  const failure = failureOf({ seed: Number(seed), steps: steps?.split(",").map(Number) }, bench);
  expect(failure && report(failure, realBench())).toBeUndefined();
});

test(`nothing is lost, repeated or stuck in ${scheduleCount} schedules of faults`, { timeout: 60_000 }, () => {
  const { report: failed, counts } = runBatch(0, scheduleCount);
  expect(failed).toBeUndefined();
  expect(counts.schedules).toBe(scheduleCount);
});

test("a seed is the same schedule every time, and leaving out a step changes no other step's choices", () => {
  const trace = (seed: number, steps?: readonly number[]): string[] => {
    const lines: string[] = [];
    const bench = { ...realBench(), counts: new Counts(), points: new FaultPoints() };
    runSchedule({ seed, steps }, bench, (line) => lines.push(line));
    return lines;
  };
  for (const seed of [1, 2, 3]) {
    expect(trace(seed)).toEqual(trace(seed));
    const all = Array.from({ length: lengthOf(seed) }, (_, step) => step);
    expect(trace(seed, all)).toEqual(trace(seed));
    const names = (lines: readonly string[]) => lines.filter((line) => line.startsWith("-- step"));
    expect(names(trace(seed, all.slice(5)))).toEqual(names(trace(seed)).slice(5));
  }
});
