import fc from "fast-check";
import { expect, test } from "vitest";
import { copiesIn, copiesMax, formatCopies } from "./announced-copies.ts";

const copy = fc.record({
  body: fc.stringMatching(/^[!-~][ -~]{0,200}[!-~]$/).map((text) => Buffer.from(text)),
  closedMs: fc.option(fc.integer({ min: 1, max: 99_999_999_999_999 }), { nil: undefined }),
});

test("copies in one message are read as they were joined", () => {
  fc.assert(
    fc.property(fc.array(copy, { minLength: 1, maxLength: copiesMax }), (copies) => {
      expect(copiesIn(formatCopies(copies))).toEqual(copies);
    }),
  );
});

test("a message in another format has none, and no message has more than fit", () => {
  expect(copiesIn(Buffer.from("a985c32cbdee8af2ab5d7b8f6022e781 7 http://urp-1/ db/p"))).toBeUndefined();
  expect(copiesIn(Buffer.from("announced 2"))).toEqual([]);
  expect(copiesIn(Buffer.from("announced 2\nnever x\n\n5 "))).toEqual([]);
  const many = Array.from({ length: copiesMax + 1 }, () => ({ body: Buffer.from("a"), closedMs: 5 }));
  expect(copiesIn(formatCopies(many))).toHaveLength(copiesMax);
  expect(copiesIn(Buffer.concat([formatCopies(many), Buffer.alloc(1 << 20, "x")]))).toBeUndefined();
});
