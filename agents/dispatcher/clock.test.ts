import { expect, test } from "vitest";
import { Clock, clockStepMaxMs } from "./clock.ts";

test("time goes on evenly whatever is done to the system's clock, and by how much that was set is there to be asked", () => {
  let systemMs = 1_800_000_000_000;
  let steadyMs = systemMs;
  const clock = new Clock({ systemMs: () => systemMs, steadyMs: () => steadyMs });
  systemMs += 5000;
  steadyMs += 5000;
  expect([clock.nowMs(), clock.steppedMs, clock.mustStartAnew]).toEqual([1_800_000_005_000, 0, undefined]);
  systemMs -= 30_000;
  expect([clock.nowMs(), clock.steppedMs, clock.mustStartAnew]).toEqual([1_800_000_005_000, -30_000, undefined]);
  systemMs += 30_000 + clockStepMaxMs;
  expect([clock.nowMs(), clock.steppedMs]).toEqual([1_800_000_005_000, clockStepMaxMs]);
  expect(clock.mustStartAnew?.message).toBe("the system's clock was set forward by 60 s");
});

test("a process on a clock that nobody sets is at its time", () => {
  const clock = new Clock();
  expect(Math.abs(clock.steppedMs)).toBeLessThan(1000);
  expect(clock.nowMs()).toBeLessThanOrEqual(clock.nowMs());
});
