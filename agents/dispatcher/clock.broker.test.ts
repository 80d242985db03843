import { expect, onTestFinished, vi } from "vitest";
import { placeTest as test } from "../../tests/rigs/dispatcher/place-test.ts";

const threeHoursMs = 3 * 3_600_000;
/**
 * For a process: sets the system's clock ahead by this much at its start, and right at SIGUSR2. Times from the kernel are
 * unchanged.
 */
const clockAhead = `data:text/javascript,${encodeURIComponent(`
  const real = Date.now;
  const origin = performance.timeOrigin;
  let aheadMs = ${threeHoursMs};
  Date.now = () => real() + aheadMs;
  Object.defineProperty(performance, "timeOrigin", { value: origin + ${threeHoursMs} });
  process.once("SIGUSR2", () => { aheadMs = 0; });
`)}`;

test("a standby whose clock is ahead by more than the window publishes nothing again, and restarts once the clock is set", async ({
  place,
}) => {
  const count = 50;
  const right = await place.dispatcher("right");
  const keys = await place.announceFirst(count);
  await place.allOut(keys);
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("NODE_OPTIONS", `--import ${clockAhead}`);
  const wrong = await place.dispatcher("wrong");
  vi.unstubAllEnvs();
  keys.push(...(await place.announceFirst(count, count)));
  await place.allOut(keys);
  // Its ledger was declared when it started: it never saw the first half.
  await expect.poll(() => wrong.metric("table_entries"), { timeout: 100_000 }).toBe(count);
  await right.kill();
  await place.announceTwins(count, count);
  await wrong.twinsOfSecond(count);
  expect(place.repeated).toBe(0);

  wrong.signal("SIGUSR2");
  expect(await wrong.exited).toEqual([1, null]);
  expect(JSON.stringify(wrong.lines)).toContain("the system's clock was set back by 10800 s");
  const again = await place.dispatcher("wrong");
  expect(await again.logged(/^journal read/)).toMatchObject({ entries: count });
  await place.announceTwins(count, count);
  await again.twinsOfSecond(count);
  expect(place.repeated).toBe(0);
});
