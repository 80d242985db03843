import { expect, test } from "vitest";
import type { Outcome } from "../lib/download.ts";
import { describeSilence, Origins } from "./origins.ts";

const dead = "http://urp-1";
const refused: Outcome = { kind: "fault", cause: "network", text: "connect ECONNREFUSED", silent: true };
const missing: Outcome = { kind: "fault", cause: "not-found", text: "404" };
const broken: Outcome = { kind: "fault", cause: "network", text: "other side closed" };
const complete: Outcome = { kind: "complete" };

/** With pauses of exactly 1000, 2000, 4000, 4000… ms. */
const arrange = () => new Origins({ faultsMax: 3, probe: { minMs: 1000, maxMs: 4000 } }, () => 1);

function kill(origins: Origins, origin: string, nowMs = 0): void {
  for (const _ of [1, 2, 3]) origins.note(refused, origin, nowMs, nowMs);
}

test("a server that does not answer three attempts in a row is considered dead, which is reported once", () => {
  const origins = arrange();
  expect(origins.note(refused, dead, 0, 10)).toBeUndefined();
  expect(origins.note(refused, dead, 20, 30)).toBeUndefined();
  expect([origins.silenceOf(dead), origins.mayTry(dead, 30)]).toEqual([undefined, true]);
  expect(origins.note(refused, dead, 40, 50)).toBe("silent");
  expect(origins.note(refused, dead, 60, 70)).toBeUndefined();
  expect(origins.silent).toEqual([{ origin: dead, sinceMs: 0, text: "connect ECONNREFUSED" }]);
  expect(describeSilence(origins.silent[0] as never, 61_000)).toBe(
    "http://urp-1 has not answered for 61 s (connect ECONNREFUSED)",
  );
});

test.each([
  ["a product", complete],
  ["a 404", missing],
  ["half a product", broken],
])("%s shows that a server is alive: the count starts over", (_, outcome) => {
  const origins = arrange();
  origins.note(refused, dead, 0, 0);
  origins.note(refused, dead, 0, 0);
  expect(origins.note(outcome, dead, 0, 0)).toBeUndefined();
  origins.note(refused, dead, 0, 0);
  origins.note(refused, dead, 0, 0);
  expect(origins.silent).toEqual([]);
});

test("a dead server is probed once in a while, with pauses that grow to their limit", () => {
  const origins = arrange();
  kill(origins, dead);
  const probedAt: number[] = [];
  for (let nowMs = 0; nowMs < 16_000; nowMs += 100) {
    if (!origins.mayTry(dead, nowMs)) continue;
    expect(origins.mayTry(dead, nowMs)).toBe(false);
    probedAt.push(nowMs);
    origins.note(refused, dead, nowMs, nowMs);
  }
  expect(probedAt).toEqual([1000, 3000, 7000, 11_000, 15_000]);
});

test("a hanging probe takes at most a tenth of the time, and one without a result does not end the probing", () => {
  const origins = arrange();
  kill(origins, dead);
  expect(origins.mayTry(dead, 1000)).toBe(true);
  origins.note(refused, dead, 1000, 4000);
  expect([origins.mayTry(dead, 30_900), origins.mayTry(dead, 31_000)]).toEqual([false, true]);
  expect([origins.mayTry(dead, 34_900), origins.mayTry(dead, 35_000)]).toEqual([false, true]);
});

test("when it answers again everything is attempted, and that is reported", () => {
  const origins = arrange();
  kill(origins, dead);
  expect(origins.note(missing, dead, 0, 0)).toBe("answered");
  expect([origins.silent, origins.mayTry(dead, 0), origins.mayTry(dead, 0)]).toEqual([[], true, true]);
});

test("a dead server does not affect another one", () => {
  const origins = arrange();
  kill(origins, dead);
  expect([origins.mayTry("http://urp-2", 0), origins.silenceOf("http://urp-2")]).toEqual([true, undefined]);
});

test("however many servers announcements name, a thousand are remembered", () => {
  const origins = arrange();
  for (let count = 0; count < 1500; count += 1) kill(origins, `http://10.0.0.1:${count}`);
  expect(origins.silent).toHaveLength(1000);
  expect(origins.silenceOf("http://10.0.0.1:1499")).toBeDefined();
});
