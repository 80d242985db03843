import { expect, test } from "vitest";
import { isComplete, settleWaitMs, wantedPaths } from "./arrivals.ts";

const rules = { accept: [], reject: ["^\\.", "\\.tmp$"], settleMs: 100, emptySettleMs: 2000 };

test("unfinished files are ignored at any depth; accept limits what is announced, not what is scanned", () => {
  const all = wantedPaths(rules);
  expect(["a/b", "a/b.tmp", ".a/b", "a/.b", "a.tmp/b", "a/b.tmpx"].map(all.file)).toEqual([
    true,
    false,
    false,
    false,
    false,
    true,
  ]);
  const some = wantedPaths({ ...rules, accept: ["^[0-9]{8}/RADAR/"] });
  expect(some.file("20150120/RADAR/x")).toBe(true);
  expect(some.file("20150120/SATELLITE/x")).toBe(false);
  expect(some.folder("20150120")).toBe(true);
});

test("a name that was just created is complete only as another link to a file", () => {
  expect(isComplete("created", { links: 1 })).toBe(false);
  expect(isComplete("created", { links: 2 })).toBe(true);
  expect(isComplete("closed", { links: 1 })).toBe(true);
});

test("a found file waits until it has rested, an empty one longer, one from a clock ahead no longer than that", () => {
  expect(settleWaitMs({ size: 1, changedMs: 1000 }, 1040, rules)).toBe(60);
  expect(settleWaitMs({ size: 1, changedMs: 1000 }, 1100, rules)).toBe(0);
  expect(settleWaitMs({ size: 0, changedMs: 1000 }, 1100, rules)).toBe(1900);
  expect(settleWaitMs({ size: 1, changedMs: 9000 }, 1000, rules)).toBe(100);
});
