import fc from "fast-check";
import { expect, test } from "vitest";
import { AckBatch } from "./ack-batch.ts";

test("a settled run at the front goes out as one ack, what is behind a gap singly", () => {
  const batch = new AckBatch();
  for (const tag of [1, 2, 3, 5, 6]) batch.ack(tag);
  expect(batch.flush()).toEqual([
    { tag: 3, multiple: true },
    { tag: 5, multiple: false },
    { tag: 6, multiple: false },
  ]);
  batch.ack(4);
  expect(batch.flush()).toEqual([{ tag: 4, multiple: true }]);
  batch.ack(7);
  expect(batch.flush()).toEqual([{ tag: 7, multiple: true }]);
});

test("one delivery that is held back keeps no other from being acked, over many more than fit at first", () => {
  const batch = new AckBatch();
  const acked = new Set<number>();
  const tags = 70_000;
  for (let tag = 2; tag <= tags; tag++) {
    batch.ack(tag);
    if (tag % 100 === 0) for (const ack of batch.flush()) acked.add(ack.tag);
  }
  for (const ack of batch.flush()) acked.add(ack.tag);
  expect(acked.size).toBe(tags - 1);
  batch.ack(1);
  expect(batch.flush()).toEqual([{ tag: 1, multiple: true }]);
  batch.ack(tags + 1);
  expect(batch.flush()).toEqual([{ tag: tags + 1, multiple: true }]);
});

test("property: a broker that holds every tag to account sees each settled once, and only what was asked", () => {
  const settlements = fc.array(fc.record({ ack: fc.boolean(), flush: fc.boolean(), order: fc.nat() }), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(settlements, (steps) => {
      const batch = new AckBatch();
      const unacked = new Set(steps.map((_, index) => index + 1));
      const asked = new Set<number>();
      const flush = (): void => {
        for (const { tag, multiple } of batch.flush()) {
          // The broker closes the channel over a tag that it does not hold.
          expect(unacked.has(tag)).toBe(true);
          for (const held of unacked) if (held === tag || (multiple && held < tag)) unacked.delete(held);
        }
        for (const tag of asked) expect(unacked.has(tag)).toBe(false);
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
        if (step?.flush) flush();
        for (const held of tags.slice(index + 1)) expect(unacked.has(held.tag), "settled unasked").toBe(true);
      }
      flush();
      expect(unacked.size).toBe(0);
    }),
  );
});
