import { expect, test } from "vitest";
import { Pace } from "./pace.ts";

const everyMs = 2000;

function paced(doneAt: (second: number) => number, seconds: number): Pace {
  const pace = new Pace();
  for (let atMs = 0; atMs <= seconds * 1000; atMs += everyMs) pace.count(doneAt(atMs / 1000), 1e12 + atMs);
  return pace;
}

test("the pace is that of the last minute, and is known after one", () => {
  expect(paced((second) => second * 5, 58).donePerMinute).toBeUndefined();
  expect(paced((second) => second * 5, 60).donePerMinute).toBe(300);
  expect(paced((second) => Math.min(second, 100) * 5, 130).donePerMinute).toBe(150);
  expect(paced((second) => Math.min(second, 100) * 5, 200).donePerMinute).toBe(0);
});

test("the last progress has the time at which the count had grown", () => {
  expect(paced(() => 0, 10).lastDoneAt).toBeUndefined();
  expect(paced((second) => Math.min(second, 4), 20).lastDoneAt).toBe(new Date(1e12 + 4000).toISOString());
});

test("a clock that is set back starts a new minute", () => {
  const pace = paced((second) => second, 120);
  pace.count(121, 1e12);
  expect(pace.donePerMinute).toBeUndefined();
  pace.count(181, 1e12 + 60_000);
  expect(pace.donePerMinute).toBe(60);
});
