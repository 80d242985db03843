import { expect, test } from "vitest";
import { backoffMs, nextHostDelayMs } from "./backoff.ts";

const backoff = { minMs: 100, maxMs: 5000 };

test("pauses double up to the limit, and half of each is random", () => {
  const longest = [1, 2, 3, 7, 100].map((attempt) => backoffMs(backoff, attempt, () => 1));
  expect(longest).toEqual([100, 200, 400, 5000, 5000]);
  expect(backoffMs(backoff, 3, () => 0)).toBe(200);
});

test("with several hosts the pause is short within a round and grows from round to round", () => {
  const pauses = [1, 2, 3, 4, 5, 6].map((failures) => nextHostDelayMs(backoff, failures, 2, () => 1));
  expect(pauses).toEqual([100, 100, 100, 200, 100, 400]);
});
