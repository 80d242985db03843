import { expect, test } from "vitest";
import type { ArrivalKind } from "./resting.ts";
import { waitMsOf } from "./settle.ts";

const config = { settleMs: 200, emptySettleMs: 1000, foundSettleMs: 500 };

test.each<[ArrivalKind, number, number, number]>([
  ["closed", 1, 0, 200],
  ["closed", 1, 150, 50],
  ["closed", 1, 200, 0],
  ["closed", 0, 200, 800],
  ["found", 1, 200, 300],
  ["found", 0, 200, 800],
  ["found", 1, 90_000, 0],
  ["moved", 1, 0, 20],
  ["moved", 0, 20, 0],
])("a file that was %s, of %i bytes, changed %i ms ago, waits for %i ms more", (how, size, agoMs, waitMs) => {
  expect(waitMsOf(how, { size, changedMs: 1_000_000 - agoMs }, 1_000_000, config)).toBe(waitMs);
});

test("a time ahead of the clock doesn't delay a file", () => {
  expect(waitMsOf("found", { size: 1, changedMs: 1_000_001 }, 1_000_000, config)).toBe(0);
});
