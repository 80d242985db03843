import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DedupTable } from "./dedup-table.ts";

const keyOf = (number: number): string => createHash("md5").update(String(number)).digest("hex");
const make = (windowMs = 1000, entriesMax = 1_000_000): DedupTable => new DedupTable({ windowMs, entriesMax });

test("a product is known from its first arrival until its window has passed, to the millisecond", () => {
  const table = make(1000);
  const slot = table.add(keyOf(1), 5000, "radar1", 1234, true);
  expect(table.find(keyOf(1), 5000)).toBe(slot);
  expect(table.find(keyOf(1), 5999.9)).toBe(slot);
  expect(table.find(keyOf(1), 6000)).toBe(-1);
  expect(table.find(keyOf(2), 5000)).toBe(-1);
  expect(table.expire(5999)).toBe(0);
  expect(table.expire(6000)).toBe(1);
  expect(table.size).toBe(0);
});

test("an entry returns what it was added with, and what was set since", () => {
  const table = make();
  const first = table.add(keyOf(1), 5000.25, "radar1", 2 ** 32 - 2, false);
  const second = table.add(keyOf(2), 5001, "radar2", 2 ** 40, true);
  expect([table.atMs(first), table.source(first), table.sizeBytes(first)]).toEqual([5000.25, "radar1", 2 ** 32 - 2]);
  expect([table.isCertain(first), table.isServed(first), table.twinRef(first)]).toEqual([false, false, 0]);
  table.setTwinRef(first, 2 ** 48 - 1);
  table.setCertain(first);
  table.setServed(first, false);
  expect([table.isCertain(first), table.isServed(first), table.twinRef(first)]).toEqual([true, true, 2 ** 48 - 1]);
  expect([table.isServedForCertain(first), table.isPulled(first)]).toEqual([false, false]);
  table.setServed(first, true);
  table.setPulled(first);
  expect([table.isServedForCertain(first), table.isPulled(first)]).toEqual([true, true]);
  table.setTwinRef(first, 2 ** 32);
  expect([table.twinRef(first), table.source(first), table.isServed(first)]).toEqual([2 ** 32, "radar1", true]);
  expect([table.source(second), table.sizeBytes(second), table.twinRef(second)]).toEqual(["radar2", 2 ** 32 - 1, 0]);
  expect(() => table.setTwinRef(first, 2 ** 48)).toThrow(RangeError);
  table.setSource(first, "radar2", 7);
  expect([table.source(first), table.sizeBytes(first), table.twinRef(first)]).toEqual(["radar2", 7, 0]);
  table.clearServed(first);
  expect([table.isServed(first), table.isServedForCertain(first)]).toEqual([false, false]);
  expect([table.isPulled(first), table.isCertain(first), table.atMs(first)]).toEqual([true, true, 5000.25]);
});

test("at its exact limit it accepts no more, and accepts again once entries have expired", () => {
  const table = make(1000, 3);
  for (const number of [1, 2, 3]) table.add(keyOf(number), 5000 + number, "radar1", 1, true);
  expect(table.isFull).toBe(true);
  expect(() => table.add(keyOf(4), 5004, "radar1", 1, true)).toThrow("3 products (entriesMax)");
  expect([1, 2, 3, 4].map((number) => table.find(keyOf(number), 5010) >= 0)).toEqual([true, true, true, false]);
  expect(table.expire(6001)).toBe(1);
  expect(table.isFull).toBe(false);
  table.add(keyOf(4), 6001, "radar1", 1, true);
  expect(table.isFull).toBe(true);
  // What was known before the limit was lowered is still known.
  table.restore(keyOf(5), 6002, "radar1", 1, true);
  expect([table.size, table.isFull, table.find(keyOf(5), 6002) >= 0]).toEqual([4, true, true]);
});

test("a product that comes again after its window has its own entry while the old one is still in memory", () => {
  const table = make(1000);
  table.add(keyOf(1), 5000, "radar1", 1, true);
  const again = table.add(keyOf(1), 6500, "radar2", 2, false);
  expect(table.find(keyOf(1), 6500)).toBe(again);
  expect(table.expire(6500)).toBe(1);
  expect(table.find(keyOf(1), 7499)).toBe(again);
  expect(table.source(again)).toBe("radar2");
});

test("what is learned late counts from its own time, and blocks nothing for longer than the window", () => {
  const table = make(1000);
  table.add(keyOf(1), 5000, "radar1", 1, true);
  table.add(keyOf(2), 4500, "radar1", 1, false);
  expect(table.find(keyOf(2), 5499)).toBeGreaterThanOrEqual(0);
  expect(table.find(keyOf(2), 5500)).toBe(-1);
  expect(table.expire(5999)).toBe(0);
  expect(table.expire(6000)).toBe(2);
});

test("255 sources are told apart; all others share one name", () => {
  const table = make();
  const slots = Array.from({ length: 300 }, (_, number) => table.add(keyOf(number), 0, `radar${number}`, 1, true));
  expect(slots.slice(0, 255).map((slot) => table.source(slot))).toEqual(
    Array.from({ length: 255 }, (_, number) => `radar${number}`),
  );
  expect(new Set(slots.slice(255).map((slot) => table.source(slot)))).toEqual(new Set(["other"]));
  expect(table.source(table.add(keyOf(300), 0, "radar7", 1, true))).toBe("radar7");
});

test("keys are accepted in either case, and nothing else is accepted as a key", () => {
  const table = make();
  const slot = table.add("0123456789abcdefABCDEF9876543210", 0, "radar1", 1, true);
  expect(table.find("0123456789ABCDEFabcdef9876543210", 0)).toBe(slot);
  for (const key of ["", "0".repeat(31), "0".repeat(33), `${"0".repeat(31)}g`, `${"0".repeat(31)}\u0130`]) {
    expect(() => table.find(key, 0)).toThrow(RangeError);
  }
});

/** What the table promises, in the simplest way: each key's entries, newest first. */
class Model {
  readonly #windowMs: number;
  readonly #entries: { key: string; atMs: number; tag: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get size(): number {
    return this.#entries.length;
  }

  add(key: string, atMs: number, tag: number): void {
    this.#entries.push({ key, atMs, tag });
  }

  find(key: string, nowMs: number): number {
    return this.#entries.findLast((each) => each.key === key && nowMs < each.atMs + this.#windowMs)?.tag ?? -1;
  }

  expire(nowMs: number): number {
    const kept = this.#entries.findIndex((each) => nowMs < each.atMs + this.#windowMs);
    return this.#entries.splice(0, kept < 0 ? this.#entries.length : kept).length;
  }
}

test("whatever is added, set, found and expired, it answers like the simplest model", () => {
  // A few keys that recur, keys that differ in one digit only, and random keys.
  const key = fc.oneof(
    fc.nat(40).map(keyOf),
    fc.nat(60).map((number) => number.toString(16).padStart(32, "0")),
    fc.nat(60).map((number) => number.toString(16).padEnd(32, "0")),
  );
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("add" as const), key, lateMs: fc.nat(150) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("find" as const), key }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(80) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("expire" as const) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: "max" }), (steps) => {
      const table = make(300, 90);
      const model = new Model(300);
      let nowMs = 1000;
      for (const [tag, each] of steps.entries()) {
        if (each.kind === "pass") nowMs += each.ms;
        else if (each.kind === "expire") expect(table.expire(nowMs)).toBe(model.expire(nowMs));
        else if (each.kind === "find") {
          const slot = table.find(each.key, nowMs);
          expect(slot < 0 ? -1 : table.twinRef(slot)).toBe(model.find(each.key, nowMs));
        } else if (!table.isFull) {
          const slot = table.add(each.key, nowMs - each.lateMs, "radar1", 1, false);
          table.setTwinRef(slot, tag);
          model.add(each.key, nowMs - each.lateMs, tag);
        }
        expect(table.size).toBe(model.size);
      }
    }),
    { numRuns: 300 },
  );
}, 60_000);

test("many products come and go: those within the window are known, the others are not, and chunks are reused", () => {
  const table = make(30_000);
  for (let nowMs = 0; nowMs < 120_000; nowMs++) {
    table.add(keyOf(nowMs), nowMs, "radar1", nowMs, true);
    expect(table.expire(nowMs)).toBe(nowMs < 30_000 ? 0 : 1);
    if (nowMs % 97 !== 0) continue;
    const slot = table.find(keyOf(nowMs - (nowMs % 30_000)), nowMs);
    expect(table.sizeBytes(slot)).toBe(nowMs - (nowMs % 30_000));
    if (nowMs >= 30_000) expect(table.find(keyOf(nowMs - 30_000), nowMs)).toBe(-1);
  }
  expect(table.size).toBe(30_000);
  // Slots are reused: they stay small numbers, although four times as many entries were added.
  expect(table.find(keyOf(119_999), 119_999)).toBeLessThan(50_000);
}, 60_000);

test("expiry is done in pieces, and completely in the end", () => {
  const table = make(1000);
  for (let number = 0; number < 10_000; number++) table.add(keyOf(number), 0, "radar1", 1, true);
  const counts: number[] = [];
  for (let count = table.expire(1000); count > 0; count = table.expire(1000)) counts.push(count);
  expect(counts).toEqual([4000, 4000, 2000]);
  expect([0, 5000, 9999].map((number) => table.find(keyOf(number), 0))).toEqual([-1, -1, -1]);
});
