import fc from "fast-check";
import { expect, test } from "vitest";
import { formatReceipts, type Receipt, receiptsIn, receiptsMax } from "./receipts.ts";

const time = (max: number) => fc.option(fc.integer({ min: 1, max }), { nil: undefined });
const receipt: fc.Arbitrary<Receipt> = fc.record({
  key: fc.stringMatching(/^[0-9a-f]{32}$/),
  timestampSeconds: time(253_402_300_799),
  placedMs: time(999_999_999_999_999),
  closedMs: time(999_999_999_999_999),
});
const around = { marks: { host: "pds-1" }, messageId: "m-1" };

test("receipts in one message are read as if each had come alone", () => {
  fc.assert(
    fc.property(fc.array(receipt, { maxLength: receiptsMax }), (receipts) => {
      const read = receiptsIn({ body: formatReceipts(receipts), timestampSeconds: undefined, ...around });
      expect(read).toEqual(
        receipts.map(({ key, timestampSeconds, placedMs, closedMs }) => ({
          body: Buffer.from(key),
          messageId: "m-1",
          timestampSeconds,
          marks: {
            host: "pds-1",
            ...(placedMs === undefined ? { before: true } : { placedMs }),
            ...(closedMs === undefined ? {} : { closedMs }),
          },
        })),
      );
    }),
  );
});

test("a message of another format is returned as it is, and lines that are no receipts are left out", () => {
  const key = "a985c32cbdee8af2ab5d7b8f6022e781";
  const alone = { body: Buffer.from(key), timestampSeconds: 5, ...around };
  expect(receiptsIn(alone)).toEqual([alone]);
  for (const body of ["", "receipts 3", `receipts 3\n${key} - - -`, `receipts 2\n${"x".repeat(5000)}`])
    expect(receiptsIn({ ...alone, body: Buffer.from(body) })).toEqual([{ ...alone, body: Buffer.from(body) }]);
  const odd = ["", key, `${key} - -`, `${key} - - - -`, `${key} 1e3 - -`, `${key} - 0 -`, `${key.toUpperCase()} - - -`];
  const body = Buffer.from(["receipts 2", ...odd, `${key} - - -`].join("\n"));
  expect(receiptsIn({ ...alone, body })).toHaveLength(1);
  const many = Buffer.from(`receipts 2${`\n${key} - - -`.repeat(60)}`);
  expect(receiptsIn({ ...alone, body: many })).toHaveLength(receiptsMax);
});
