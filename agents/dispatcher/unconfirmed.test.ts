import { expect, test } from "vitest";
import { CoreFixture, deeds, keyOf, startMs, types, windowMs } from "./core-fixture.ts";
import type { CoreOptions } from "./core-options.ts";

/** The ledger shows products 1 and on, a lost channel gives their deliveries out again: each is in doubt, or not. */
function takenOver(products: number, own: Partial<CoreOptions> = {}): CoreFixture {
  const at = new CoreFixture(own);
  at.tell({ type: "held" });
  for (let product = 1; product <= products; product++) at.published(product);
  const marker = at.deliver(0);
  at.settle("confirmed", marker);
  at.settle("confirmed", at.returnMarker(marker));
  for (let product = 1; product <= products; product++) at.deliver(product, { redelivered: true });
  return at;
}

test("a redelivery of what only the ledger knows is held until a receipt proves that it was in the pull queue", () => {
  const at = takenOver(1);
  expect(at.core.doubts).toBe(1);
  at.nowMs += 400;
  expect(at.pulled(1, startMs)).toMatchObject([
    { type: "remember-served", key: keyOf(1) },
    { type: "remember-certain", key: keyOf(1) },
    { type: "doubt-settled", how: "receipt", heldMs: 400 },
    { type: "twin" },
    { type: "ack", delivery: 2 },
  ]);
  expect(at.core.doubts).toBe(0);
  expect(deeds(at.deliver(1, { redelivered: true })), "certain from now on").toEqual(["ack 3"]);
});

test("a request for it proves the same: a puller has had it", () => {
  const at = takenOver(1);
  const request = {
    kind: "request",
    key: keyOf(1),
    routingKey: "v00.urp.alternate.X",
    reason: "404",
    source: "urp-1",
  } as const;
  expect(at.ledger(request), "of which publish?").toEqual([]);
  expect(deeds(at.ledger({ ...request, atMs: startMs }))).toEqual(["remember-certain", "ack 2"]);
});

test("a receipt without a time, or of a publish a window ago, proves nothing; one of an earlier publish within it does", () => {
  const at = takenOver(1);
  expect(at.ledger({ kind: "pulled", key: keyOf(1) })).toEqual([]);
  expect(at.pulled(1, startMs - windowMs + 1000)).toEqual([]);
  expect(at.core.doubts).toBe(1);
  expect(deeds(at.pulled(1, startMs - 5000))).toEqual(["remember-served", "remember-certain", "ack 2"]);
});

test("without a receipt it goes out again when it is late and a later product's receipt has come", () => {
  const at = takenOver(1, { doubtMs: 30_000 });
  at.nowMs += 29_999;
  at.pulled(0, startMs + 1000);
  expect(at.tell({ type: "tick" })).toEqual([]);
  const marker = at.tickAfter(1);
  expect(types(marker), "not before the ledger is read up to here").toEqual(["marker"]);
  const again = at.returnMarker(marker);
  expect(again).toMatchObject([
    { type: "doubt-settled", how: "again", heldMs: 30_000 },
    { type: "publish", delivery: { id: 2 }, firstAtMs: startMs, doubt: true },
  ]);
  expect(deeds(at.settle("confirmed", again))).toEqual(["remember-certain", "ack 2"]);
});

test("a receipt of a product no later than it says nothing of the queue", () => {
  const at = takenOver(1);
  at.pulled(0, startMs + 999);
  expect(at.tickAfter(60_000)).toEqual([]);
});

test("in a quiet hour it goes out again when the pull queue has been empty for three times doubtMs, seen again and again", () => {
  const at = takenOver(1, { doubtMs: 30_000 });
  at.tell({ type: "output-seen", isEmpty: true });
  at.nowMs += 30_001;
  at.tell({ type: "output-seen", isEmpty: true });
  for (let looks = 0; looks < 17; looks++) {
    at.nowMs += 5000;
    at.tell({ type: "output-seen", isEmpty: true });
  }
  expect(at.tell({ type: "tick" }), "what was between the first two looks, nobody knows").toEqual([]);
  at.nowMs += 5000;
  at.tell({ type: "output-seen", isEmpty: true });
  expect(deeds(at.returnMarker(at.tell({ type: "tick" })))).toEqual(["publish 2"]);
});

test("a look that finds something in the pull queue is no part of a time that it was empty", () => {
  const at = takenOver(1, { doubtMs: 30_000 });
  for (let looks = 0; looks < 60; looks++) {
    at.tell({ type: "output-seen", isEmpty: looks % 10 !== 9 });
    at.nowMs += 5000;
  }
  expect(at.tell({ type: "tick" })).toEqual([]);
});

test("with no receipts at all it goes out again after doubtMaxMs", () => {
  const at = takenOver(1, { doubtMaxMs: 1_200_000 });
  expect(at.tickAfter(1_199_999)).toEqual([]);
  expect(deeds(at.returnMarker(at.tickAfter(1)))).toEqual(["publish 2"]);
});

test("a receipt that comes before the marker is back settles it", () => {
  const at = takenOver(1, { doubtMaxMs: 1_200_000 });
  const marker = at.tickAfter(1_200_000);
  expect(deeds(at.pulled(1, startMs))).toEqual(["remember-served", "remember-certain", "ack 2"]);
  expect(at.returnMarker(marker)).toEqual([]);
});

test("a delivery that was not given out before is a twin: the original is unacked, and tells", () => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  at.published(1);
  expect(deeds(at.returnMarker(at.deliver(1, { source: "urp-2" })))).toEqual(["keep-twin 1"]);
});

test("further redeliveries are held with the first, which the queue may have taken back unnoticed, and settled with it", () => {
  const at = takenOver(1);
  expect(deeds(at.deliver(1, { redelivered: true, source: "urp-2" }))).toEqual([]);
  expect(at.core.doubts).toBe(1);
  expect(deeds(at.pulled(1, startMs))).toEqual(["remember-served", "remember-certain", "ack 2", "ack 3"]);
});

test("beyond doubtsMax the oldest goes out again", () => {
  const at = takenOver(3, { doubtsMax: 2 });
  expect(at.core.doubts).toBe(3);
  expect(deeds(at.returnMarker(at.tickAfter(50)))).toEqual(["publish 2"]);
  expect(at.core.doubts).toBe(2);
});

test("where pullers send no receipts, the ledger is believed at once", () => {
  const at = takenOver(1, { receipts: false });
  expect(at.core.doubts).toBe(0);
  expect(at.pulled(1)).toEqual([]);
});

test("when the address leaves, what is held in doubt is given back; when the channel goes, it is forgotten", () => {
  const at = takenOver(2);
  expect(deeds(at.tell({ type: "gone" }))).toEqual(["cancel", "requeue 2", "requeue 3"]);
  const other = takenOver(2);
  other.tell({ type: "deliveries-lost" });
  expect(other.core.doubts).toBe(0);
});

test("what was refused, and is in our ledger all the same, is a doubt and not a retry", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.published(1, { ours: true });
  expect(types(at.settle("nacked", publish))).toEqual(["publish-failed", "doubt"]);
  expect(deeds(at.pulled(1))).toEqual(["remember-served", "remember-certain", "ack 2"]);
});

test("the same, where the ledger shows it after the refusal", () => {
  const at = CoreFixture.working();
  at.settle("nacked", at.deliver(1));
  expect(types(at.published(1, { ours: true }))).toEqual(["remember", "doubt"]);
});

test("without receipts what was refused is published again, whatever the ledger shows", () => {
  const at = CoreFixture.working({ receipts: false });
  const publish = at.deliver(1);
  at.published(1, { ours: true });
  at.settle("nacked", publish);
  expect(at.returnMarker(at.tickAfter(100))).toMatchObject([{ type: "publish", doubt: true }]);
});

test("one that goes out again and is refused is tried again, not doubted again", () => {
  const at = takenOver(1, { doubtMaxMs: 1000, retry: { minMs: 100, maxMs: 100 } });
  const again = at.returnMarker(at.tickAfter(1000));
  expect(types(at.settle("nacked", again))).toEqual(["publish-failed"]);
  expect(deeds(at.returnMarker(at.tickAfter(100)))).toEqual(["publish 2"]);
});

test("what is announced again is a twin where a puller has it, else held until one has, though we had the confirm", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.settle("confirmed", at.deliver(2));
  at.pulled(1);
  expect(deeds(at.deliver(1, { again: true }))).toEqual(["ack 4"]);
  expect(types(at.deliver(2, { again: true }))).toEqual(["doubt"]);
  expect(deeds(at.deliver(2, { again: true, source: "urp-2" })), "the other server's").toEqual([]);
  expect(deeds(at.pulled(2))).toEqual(["remember-served", "ack 5", "ack 6"]);
});

test("what is announced again and nobody has pulled goes out again, late and marked; the unknown at once, and marked", () => {
  const at = CoreFixture.working({ doubtMs: 3000 });
  at.settle("confirmed", at.deliver(1));
  at.deliver(1, { again: true });
  at.nowMs += 3000;
  at.settle("confirmed", at.deliver(2));
  at.pulled(2);
  const marker = at.tell({ type: "tick" });
  expect(at.returnMarker(marker)).toMatchObject([
    { how: "again" },
    { type: "publish", delivery: { id: 3 }, doubt: true },
  ]);
  expect(at.deliver(3, { again: true })).toMatchObject([{ type: "publish", doubt: true }]);
});

test("many that are announced again make none go out early, up to doubtsMax", () => {
  const at = CoreFixture.working({ doubtsMax: 3 });
  for (const product of [1, 2, 3]) {
    at.settle("confirmed", at.deliver(product));
    at.deliver(product, { again: true });
  }
  expect([at.core.doubts, at.tickAfter(100)]).toEqual([3, []]);
  expect(deeds(at.tell({ type: "gone" }))).toEqual(["cancel", "requeue 3", "requeue 5", "requeue 7"]);
});

test("beyond doubtsMax the oldest that is announced again goes out, so that nobody fills the input with one product", () => {
  const at = CoreFixture.working({ doubtsMax: 3 });
  at.settle("confirmed", at.deliver(1));
  for (let count = 0; count < 4; count++) at.deliver(1, { again: true });
  const publish = at.returnMarker(at.tickAfter(100));
  expect(publish).toMatchObject([{ how: "again" }, { type: "publish", delivery: { id: 3 }, doubt: true }]);
  expect(deeds(at.settle("confirmed", publish))).toEqual(["ack 3", "ack 4", "ack 5", "ack 6"]);
  expect(at.core.doubts).toBe(0);
});

test("where pullers send no receipts, what is announced again is a twin", () => {
  const at = CoreFixture.working({ receipts: false });
  at.settle("confirmed", at.deliver(1));
  expect(deeds(at.deliver(1, { again: true }))).toEqual(["ack 3"]);
});

test("a receipt for what the ledger never showed makes it known, from its first arrival on", () => {
  const at = new CoreFixture();
  expect(at.pulled(1, startMs - 5000)).toEqual([
    { type: "remember", key: keyOf(1), atMs: startMs - 5000, source: "", sizeBytes: 0, certain: true },
    { type: "remember-served", key: keyOf(1) },
  ]);
  at.tell({ type: "held" });
  expect(deeds(at.returnMarker(at.deliver(1, { redelivered: true })))).toEqual(["ack 1"]);
});
