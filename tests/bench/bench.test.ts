import { expect, test } from "vitest";
import { codecs } from "../../agents/lib/codecs.ts";
import { scanV00 } from "../../agents/lib/scan-v00.ts";
import { latenciesOf, median } from "../../scripts/lib/statistics.ts";
import { KeyCount } from "./key-count.ts";
import { announcementOf, keyOf, pairs, sources } from "./pairs.ts";
import { type BenchResult, formatBench, summarise } from "./report.ts";
import { quickPlan } from "./run.ts";
import { cpuSeconds, residentBytes } from "./usage.ts";

test.each([1, 2, 7, 5000])("%i products are announced by each source once, the second one later", (products) => {
  const order = [...pairs(products)];
  expect(order.length).toBe(2 * products);
  for (const source of sources) {
    const own = order.filter((one) => one.source === source).map(({ product }) => product);
    expect(own).toEqual(Array.from({ length: products }, (_, product) => product));
  }
  const at = (source: string) => order.findIndex((one) => one.product === products - 1 && one.source === source);
  expect(at(sources[0])).toBeLessThan(at(sources[1]));
});

test("announcements parse with the codec; both sources' have the same key, other runs and products another", () => {
  const [one, two] = sources.map((source) => announcementOf("a", 1, source).body);
  if (!one || !two) throw new Error("two sources are needed");
  expect(codecs.v00.parse({ body: one }).ok).toBe(true);
  expect(scanV00(one)).toMatchObject({ key: keyOf("a", 1), source: sources[0] });
  expect(scanV00(two)).toMatchObject({ key: keyOf("a", 1), source: sources[1] });
  expect(new Set([keyOf("a", 1), keyOf("a", 2), keyOf("b", 1)]).size).toBe(3);
});

test("a missing, a repeated or a foreign product fails the bench", () => {
  const body = (product: number, run = "r") => announcementOf(run, product, "urp-1").body;
  const counted = (...bodies: Buffer[]): KeyCount => {
    const count = new KeyCount("r", 2, 1);
    for (const one of bodies) count.add(one);
    return count;
  };
  const good = counted(body(0), body(1));
  expect([good.isComplete, good.received]).toEqual([true, 2]);
  expect(() => good.check("dispatcher")).not.toThrow();
  expect(() => counted(body(0)).check("dispatcher")).toThrow(/1 are missing, 0 are repeated/);
  expect(() => counted(body(0), body(1), body(1)).check("dispatcher")).toThrow(/0 are missing, 1 are repeated/);
  expect(() => counted(body(0), body(0)).check("dispatcher")).toThrow(/1 are missing, 1 are repeated/);
  expect(() => counted(body(0), body(1), body(5, "s")).check("dispatcher")).toThrow(/1 messages are foreign/);
});

test("medians and percentiles by nearest rank", () => {
  expect([median([3]), median([4, 1, 2]), median([4, 1])]).toEqual([3, 2, 2.5]);
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(latenciesOf(hundred)).toEqual({ p50: 50, p99: 99, max: 100 });
  expect(latenciesOf([7])).toEqual({ p50: 7, p99: 7, max: 7 });
});

test("CPU time and memory are those of the process", () => {
  const before = cpuSeconds(process.pid);
  const own = process.cpuUsage();
  const used = (): number => process.cpuUsage(own).user + process.cpuUsage(own).system;
  // Until it exceeds one tick of the kernel's clock, by the process's finer clock.
  while (used() < 30_000);
  expect(cpuSeconds(process.pid)).toBeGreaterThan(before);
  expect(residentBytes(process.pid)).toBeGreaterThan(process.memoryUsage().heapUsed);
});

const move = (announcementsPerSecond: number) => ({
  announcementsPerSecond,
  brokerMicroseconds: 80.4,
  dispatcherMicroseconds: 40,
});

const result: BenchResult = {
  brokerVersion: "3.10.8",
  queueType: "classic",
  products: 100_000,
  latencyPlan: quickPlan.latency,
  shovel: [move(14_000), move(15_000), move(16_000)],
  dispatcher: [move(11_000), move(13_000), move(12_000)],
  latency: { steadyMs: [1, 2, 3.456], afterSilenceMs: [4.04] },
  memory: {
    byNames: [
      {
        names: 0,
        residentBytes: 60e6,
        heldBytes: 20e6,
        bytesPerName: Number.NaN,
        microsecondsPerAnnouncement: 50,
        readySeconds: 0.4,
      },
      {
        names: 10_000,
        residentBytes: 61e6,
        heldBytes: 21e6,
        bytesPerName: 61.26,
        microsecondsPerAnnouncement: 51,
        readySeconds: 0.5,
      },
    ],
    resident: { fromNames: 10_000, toNames: 1_000_000, bytesPerName: 78.26 },
  },
};

test("the summary has medians of the rounds, and no bytes per name for the warm dispatcher", () => {
  expect(summarise(result)).toEqual({
    announcementsPerSecond: 12_000,
    shovelPerSecond: 15_000,
    ratio: 0.8,
    p99Ms: 3.46,
    p99AfterSilenceMs: 4.04,
    bytesPerName: { "10000": 61.3 },
    residentBytesPerName: 78.3,
    bytesPerNameMeasured: expect.stringContaining("resident set from 10000 to 1000000 names"),
  });
  const small = summarise({ ...result, memory: { ...result.memory, resident: undefined } });
  expect(small.residentBytesPerName).toBeNull();
});

test("the table has every figure with its unit", () => {
  const lines = formatBench(result).split("\n");
  expect(lines.find((line) => line.startsWith("  dispatcher "))).toMatch(/ 12000 +80 µs +40 µs +11000, 13000, 12000$/);
  expect(lines.find((line) => line.startsWith("  ratio "))).toMatch(/ 0\.80 +0 missing, 0 repeated$/);
  expect(lines.find((line) => line.includes("announcement to notification at 50/s"))).toContain("p99 3.5 ms");
  expect(lines.find((line) => line.startsWith("  10000 "))).toMatch(/61 MB +61 +51 µs +0\.5 s$/);
  expect(lines.at(-2)).toContain("grows by 78 bytes per name from 10000 to 1000000 names");
});
