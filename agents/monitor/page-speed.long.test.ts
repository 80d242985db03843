import { expect, test } from "vitest";
import { busy, healthy, mapOf } from "../../tests/page/scenarios.ts";
import { usePage } from "../../tests/page/shown.ts";

// Speed as Debian's Chromium sees it. On a machine with two cores that runs other tests too, these figures say more about the other tests.

const { show } = usePage();

/** Runs in the browser. */
const firstPaintMs = (): Promise<number> =>
  new Promise((resolve) => {
    new PerformanceObserver((list) => {
      for (const { name, startTime } of list.getEntries()) if (name === "first-contentful-paint") resolve(startTime);
    }).observe({ type: "paint", buffered: true });
  });

test("the first paint comes within 200 ms", async () => {
  const { rig, page } = await show(healthy());
  const paints: number[] = [];
  for (let run = 0; run < 20; run++) {
    await page.goto(rig.url);
    paints.push(await page.evaluate(firstPaintMs));
  }
  const median = paints.toSorted((one, other) => one - other)[10];
  console.log(`first paints, ms: ${paints.map(Math.round).join(", ")}; median ${median}`);
  expect(median).toBeLessThan(200);
});

test("no task takes over 50 ms at 40 hosts and 200 products a second", async () => {
  const map = mapOf(40);
  const { rig, page } = await show(busy(map), { map });
  await page.evaluate(() => {
    const seen = { longestMs: 0 };
    Object.assign(globalThis, { seen });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) seen.longestMs = Math.max(seen.longestMs, duration);
    }).observe({ type: "longtask" });
  });
  for (let poll = 0; poll < 12; poll++) {
    rig.sources.scenario = busy(map);
    const sent = rig.eventBytes.length;
    await rig.monitor.poll();
    await expect.poll(() => rig.eventBytes.length).toBeGreaterThan(sent);
    // A frame after the event.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  }
  const longestMs = await page.evaluate(
    () => (globalThis as unknown as { seen: { longestMs: number } }).seen.longestMs,
  );
  console.log(`longest task ${longestMs} ms`);
  expect(longestMs).toBeLessThanOrEqual(50);
});
