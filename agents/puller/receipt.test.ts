import { expect, test } from "vitest";
import { receiptNotice } from "./receipt.ts";

test("a receipt is the product's key with the time of its first arrival, and says who placed it when", () => {
  const closed = { key: "k1", timestampSeconds: 1_421_777_342, placed: true, closedMs: 1_421_777_341_812 };
  expect(receiptNotice(closed, "pds-1", 1_421_777_343_500)).toEqual({
    body: Buffer.from("k1"),
    contentType: "text/plain",
    timestampSeconds: 1_421_777_342,
    headers: { "x-warren-placed": "1421777343500", "x-warren-host": "pds-1", "x-warren-closed": "1421777341812" },
  });
  const before = { key: "k2", timestampSeconds: undefined, placed: false, closedMs: undefined };
  expect(receiptNotice(before, "pds-1", 9)).toEqual({
    body: Buffer.from("k2"),
    contentType: "text/plain",
    headers: { "x-warren-before": "1", "x-warren-host": "pds-1" },
  });
});
