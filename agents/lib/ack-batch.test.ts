import fc from "fast-check";
import { expect, test } from "vitest";
import { type Ack, AckBatch } from "./ack-batch.ts";

test("settled tags at the front are acked at once, those behind a gap singly", () => {
  const batch = new AckBatch();
  for (const tag of [1, 2, 3, 5, 6]) batch.ack(tag);
  expect(batch.flushAll()).toEqual([
    { tag: 3, multiple: true },
    { tag: 5, multiple: false },
    { tag: 6, multiple: false },
  ]);
  batch.ack(4);
  expect(batch.flushAll()).toEqual([{ tag: 4, multiple: true }]);
  batch.ack(7);
  expect(batch.flushAll()).toEqual([{ tag: 7, multiple: true }]);
});

test("a flush leaves what is behind a gap until the gap closes, then one ack covers all", () => {
  const batch = new AckBatch();
  for (const tag of [1, 3, 4]) batch.ack(tag);
  expect([batch.flush(), batch.behindGap]).toEqual([[{ tag: 1, multiple: true }], 2]);
  expect(batch.flush()).toEqual([]);
  batch.ack(2);
  expect([batch.flush(), batch.behindGap]).toEqual([[{ tag: 4, multiple: true }], 0]);
});

test("one delivery that is held back keeps no other from being acked, over many more than fit at first", () => {
  const batch = new AckBatch();
  const acked = new Set<number>();
  const tags = 70_000;
  for (let tag = 2; tag <= tags; tag++) {
    batch.ack(tag);
    if (tag % 100 === 0) for (const ack of batch.flushAll()) acked.add(ack.tag);
  }
  for (const ack of batch.flushAll()) acked.add(ack.tag);
  expect(acked.size).toBe(tags - 1);
  batch.ack(1);
  expect(batch.flushAll()).toEqual([{ tag: 1, multiple: true }]);
  batch.ack(tags + 1);
  expect(batch.flushAll()).toEqual([{ tag: tags + 1, multiple: true }]);
});

test("property: a broker that accounts for every tag sees each settled once, and only those acked", () => {
  const settlements = fc.array(
    fc.record({ ack: fc.boolean(), flush: fc.constantFrom("no", "front", "all"), order: fc.nat() }),
    {
      minLength: 1,
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(settlements, (steps) => {
      const batch = new AckBatch();
      const unacked = new Set(steps.map((_, index) => index + 1));
      const asked = new Set<number>();
      const flush = (acks: readonly Ack[]): void => {
        for (const { tag, multiple } of acks) {
          // The broker closes the channel for a tag that it does not hold.
          expect(unacked.has(tag)).toBe(true);
          for (const held of unacked) if (held === tag || (multiple && held < tag)) unacked.delete(held);
        }
        expect(batch.behindGap).toBe([...asked].filter((tag) => unacked.has(tag)).length);
      };
      const tags = steps.map(({ order }, index) => ({ tag: index + 1, order })).sort((a, b) => a.order - b.order);
      for (const [index, { tag }] of tags.entries()) {
        const step = steps[index];
        if (step?.ack) {
          batch.ack(tag);
          asked.add(tag);
        } else {
          batch.settledOtherwise(tag);
          unacked.delete(tag);
        }
        if (step?.flush === "front") {
          flush(batch.flush());
          const gap = Math.min(...unacked, tags.length + 1);
          for (const acked of asked) expect(acked < gap && unacked.has(acked), "kept although in front").toBe(false);
          expect(asked.has(gap) && unacked.has(gap), "the front is a tag without an ack").toBe(false);
        }
        if (step?.flush === "all") {
          flush(batch.flushAll());
          expect(batch.behindGap).toBe(0);
        }
        for (const held of tags.slice(index + 1)) expect(unacked.has(held.tag), "settled without an ack").toBe(true);
      }
      flush(batch.flushAll());
      expect(unacked.size).toBe(0);
    }),
  );
});
