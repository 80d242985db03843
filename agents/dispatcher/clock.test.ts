import { expect, test } from "vitest";
import { Clock, clockStepMaxMs } from "./clock.ts";

test("time advances steadily whatever is done to the system's clock, and the step of that clock can be read", () => {
  let systemMs = 1_800_000_000_000;
  let steadyMs = systemMs;
  const clock = new Clock({ systemMs: () => systemMs, steadyMs: () => steadyMs });
  systemMs += 5000;
  steadyMs += 5000;
  expect([clock.nowMs(), clock.steppedMs, clock.restartReason]).toEqual([1_800_000_005_000, 0, undefined]);
  systemMs -= 30_000;
  expect([clock.nowMs(), clock.steppedMs, clock.restartReason]).toEqual([1_800_000_005_000, -30_000, undefined]);
  systemMs += 30_000 + clockStepMaxMs;
  expect([clock.nowMs(), clock.steppedMs]).toEqual([1_800_000_005_000, clockStepMaxMs]);
  expect(clock.restartReason?.message).toBe("the system's clock was set forward by 60 s");
});

test("the clock of a process agrees with a system clock that nobody sets", () => {
  const clock = new Clock();
  expect(Math.abs(clock.steppedMs)).toBeLessThan(1000);
  expect(clock.nowMs()).toBeLessThanOrEqual(clock.nowMs());
});
