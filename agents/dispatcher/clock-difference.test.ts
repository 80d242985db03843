import { pino } from "pino";
import { beforeEach, expect, test } from "vitest";
import { ClockDifference } from "./clock-difference.ts";

const windowMs = 7_200_000;
const hourMs = 3_600_000;
let lines: string[];
let difference: ClockDifference;
let nowMs: number;

beforeEach(() => {
  lines = [];
  const log = pino(
    { level: "info" },
    { write: (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  difference = new ClockDifference({ windowMs, log });
  nowMs = 1_800_000_000_000;
});

/** One product every two seconds for this long, by a clock this far behind ours, with a transit time of `delayMs`. */
function stream(forMs: number, aheadMs: number, delayMs = (index: number): number => 20 + (index % 7) * 100): void {
  for (let index = 0; index * 2000 < forMs; index++) {
    nowMs += 2000;
    difference.seen(nowMs - aheadMs - delayMs(index), nowMs);
  }
}

test.each([
  ["an hour ahead", hourMs],
  ["an hour behind", -hourMs],
])(
  "a clock %s is measured by the youngest product of each minute, reported once, and forgotten once it is correct",
  (_, aheadMs) => {
    stream(180_000, aheadMs);
    expect(difference.aheadMs(nowMs)).toBeGreaterThanOrEqual(aheadMs);
    expect(difference.aheadMs(nowMs)).toBeLessThan(aheadMs + 200);
    expect(difference.offsetMs(nowMs)).toBe(Math.max(0, difference.aheadMs(nowMs)));
    stream(600_000, aheadMs);
    expect(lines).toEqual(["this host's clock and the other dispatcher's clock differ: one of them is wrong"]);
    stream(180_000, 0);
    expect([difference.aheadMs(nowMs), difference.offsetMs(nowMs)]).toEqual([0, 0]);
    expect(lines.at(-1)).toBe("this host's clock and the other dispatcher's clock agree again");
  },
);

test("messages that waited in the queue for an hour show no clock difference", () => {
  // Read within a second at the start, oldest first, followed by live ones.
  for (let ageMs = hourMs; ageMs > 0; ageMs -= 1000) difference.seen(nowMs - ageMs, nowMs);
  stream(300_000, 0);
  // Some publishes were retried for half a minute, others were not.
  stream(300_000, 0, (index) => (index % 5 === 0 ? 20 : 30_000));
  expect([lines, difference.aheadMs(nowMs), difference.offsetMs(nowMs)]).toEqual([[], 0, 0]);
});

test("a clock ahead by more than the window is noticed at the first message, and nothing counts shorter than due from then on", () => {
  const aheadMs = 3 * hourMs;
  // A ledger that has not been read for a while.
  for (let ageMs = hourMs; ageMs >= 0; ageMs -= 60_000) {
    const saidMs = nowMs - ageMs - aheadMs;
    difference.seen(saidMs, nowMs);
    expect(saidMs + difference.offsetMs(nowMs)).toBeGreaterThanOrEqual(nowMs - ageMs);
  }
  expect(difference.offsetMs(nowMs)).toBe(aheadMs);
});

test("once no other dispatcher was active for a quarter of an hour, the difference is unknown", () => {
  stream(300_000, hourMs);
  nowMs += 900_000;
  expect([difference.aheadMs(nowMs), difference.offsetMs(nowMs)]).toEqual([0, 0]);
});

test("two products are too few for a measurement", () => {
  stream(120_000, 0);
  const before = difference.aheadMs(nowMs);
  for (const stepMs of [61_000, 61_000]) {
    nowMs += stepMs;
    difference.seen(nowMs - hourMs, nowMs);
  }
  expect([difference.aheadMs(nowMs), before]).toEqual([0, 0]);
});
