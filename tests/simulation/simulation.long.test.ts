import { expect, test } from "vitest";
import { realBench, runBatchInThreads } from "./batch.ts";
import { buildMutant, mutate } from "./mutants.ts";
import { groundMutations, sourceMutations } from "./mutations.ts";
import type { Bench } from "./schedule.ts";
import { type Failure, failureOf, report, shrink } from "./shrink.ts";
import { firmGround } from "./world.ts";

// These tests start no broker. They are with the long tests because they are slow.

const scheduleCount = 100_000;
/** Measured: 1975. */
const faultPointsMin = 1750;
/** The hardest seeded bug is found after 7,350 schedules. */
const mutantSchedulesMax = 30_000;

test(`nothing is lost, repeated or stuck in ${scheduleCount} schedules of faults`, { timeout: 900_000 }, async () => {
  const startedMs = performance.now();
  const { report: failed, counts, points } = await runBatchInThreads(0, scheduleCount, 2);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`${scheduleCount} schedules in ${seconds} s, ${points.length} fault points: ${JSON.stringify(counts)}`);
  expect(failed).toBeUndefined();
  expect(counts.schedules).toBe(scheduleCount);
  expect(points.length, "pairs of a fault and a position").toBeGreaterThan(faultPointsMin);
  // Each allowed event must happen, otherwise its rule is unnecessary.
  for (const name of [
    "twiceInDoubt",
    "twiceUnseen",
    "twiceUnmarked",
    "twiceRefused",
    "requests",
    "twinsOut",
    "discarded",
    "announcedAgain",
    "twiceParted",
    "deadTwins",
  ] as const) {
    expect(counts[name], name).toBeGreaterThan(0);
  }
});

function firstFailure(bench: Bench): Failure {
  for (let seed = 0; seed < mutantSchedulesMax; seed++) {
    const failure = failureOf({ seed }, bench);
    if (failure) return failure;
  }
  throw new Error(`not found in ${mutantSchedulesMax} schedules`);
}

for (const mutation of sourceMutations) {
  test(`finds a core that ${mutation.name}`, { timeout: 600_000 }, async () => {
    const bench = { ...realBench(), subject: await buildMutant(mutation) };
    expect(firstFailure(bench).error.message).not.toBe("");
  });
}

for (const { name, ground } of groundMutations) {
  test(`notices if ${name}`, { timeout: 600_000 }, () => {
    const bench = { ...realBench(), ground: { ...firmGround, ...ground } };
    expect(firstFailure(bench).error.message).not.toBe("");
  });
}

test("a mutation whose text isn't in its file exactly once is reported", () => {
  const mutation = { name: "x", file: "core.ts", find: "abc", replace: "" };
  expect(mutate(mutation, "1 abc 2")).toBe("1  2");
  expect(() => mutate(mutation, "nothing")).toThrow('mutation "x": text found 0 times in core.ts, expected once: abc');
  expect(() => mutate(mutation, "abc abc")).toThrow("found 2 times");
});

test("a failing schedule is reported with its seed, shrinks, and fails the same way in a replay", {
  timeout: 600_000,
}, async () => {
  const mutation = sourceMutations.find(({ name }) => name === "decides without a marker");
  if (!mutation) throw new Error("no such mutation");
  const bench = { ...realBench(), subject: await buildMutant(mutation) };
  const failure = firstFailure(bench);
  const smallest = shrink(failure, bench);
  expect(smallest.schedule.steps?.length).toBeLessThan(60);
  expect(failureOf(smallest.schedule, bench)?.error.message).toBe(smallest.error.message);
  expect(report(failure, bench)).toContain(`replay: SEED=${smallest.schedule.seed} STEPS=`);
});
