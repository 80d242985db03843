import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { formatReceipts } from "../lib/receipts.ts";
import type { Notice } from "../lib/side-notices.ts";
import type { PlacedBefore } from "./placed-journal.ts";
import { Receipts, receiptNotice } from "./receipt.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function arrange() {
  const sent: Notice[] = [];
  const notices = { pending: 0, send: (notice: Notice) => void sent.push(notice), drained: async () => {} };
  return { receipts: new Receipts({ notices, host: "pds-1", joinMs: 250 }), sent };
}
const keyOf = (number: number) => String(number).padStart(32, "0");

test("a receipt is the product's key with the time of its first arrival, and says who placed it when", () => {
  const times = { timestampSeconds: 1_421_777_342, placedMs: 1_421_777_343_500, closedMs: 1_421_777_341_812 };
  expect(receiptNotice({ key: "k1", ...times }, "pds-1")).toEqual({
    body: Buffer.from("k1"),
    contentType: "text/plain",
    timestampSeconds: 1_421_777_342,
    headers: { "x-warren-placed": "1421777343500", "x-warren-host": "pds-1", "x-warren-closed": "1421777341812" },
  });
  expect(receiptNotice({ key: "k2" }, "pds-1")).toEqual({
    body: Buffer.from("k2"),
    contentType: "text/plain",
    headers: { "x-warren-before": "1", "x-warren-host": "pds-1" },
  });
});

test("receipts that may be joined wait for each other, others don't wait", () => {
  const { receipts, sent } = arrange();
  const joined = [1, 2].map((number) => ({ key: keyOf(number), placedMs: number }));
  for (const one of joined) receipts.send(one, true);
  receipts.send({ key: keyOf(3) }, false);
  expect([sent.length, receipts.pending]).toEqual([1, 1]);
  vi.advanceTimersByTime(250);
  const headers = { "x-warren-host": "pds-1" };
  expect(sent[1]).toEqual({ body: formatReceipts(joined), contentType: "text/plain", headers, count: 2 });
  expect(receipts.pending).toBe(0);
  receipts.send({ key: keyOf(4) }, true);
  vi.advanceTimersByTime(250);
  // One alone needs no other format.
  expect(sent[2]?.body).toEqual(Buffer.from(keyOf(4)));
});

test("a message that is full is sent at once, and the rest at a stop", async () => {
  const { receipts, sent } = arrange();
  for (let number = 0; number < 52; number++) receipts.send({ key: keyOf(number) }, true);
  expect(sent.map(({ count }) => count)).toEqual([50]);
  await receipts.drained(new AbortController().signal);
  expect(sent.map(({ count }) => count)).toEqual([50, 2]);
  vi.advanceTimersByTime(1000);
  expect(sent).toHaveLength(2);
});

test("what a killed process placed last is reported once more, and nothing else", () => {
  const { receipts, sent } = arrange();
  const before = (number: number, ageMs: number, kind: "first" | "foreign" = "first"): PlacedBefore => ({
    about: { ...about, key: keyOf(number), firstArrivalSeconds: 5, kind },
    ageMs,
  });
  const about = { url: "http://urp-1/x", fileName: "x", sizeBytes: 1, inDoubt: false };
  receipts.repeat([before(1, 9000), before(2, 7900), before(3, 3000), before(4, 3000, "foreign"), before(5, Infinity)]);
  expect(sent).toEqual([2, 3].map((number) => receiptNotice({ key: keyOf(number), timestampSeconds: 5 }, "pds-1")));
  receipts.repeat([]);
  expect(sent).toHaveLength(2);
});
