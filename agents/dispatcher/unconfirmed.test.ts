import { expect, test } from "vitest";
import { actions, CoreFixture, keyOf, startMs, types, windowMs } from "./core-fixture.ts";
import type { CoreOptions } from "./core-options.ts";

/** The ledger shows products 1 and on; a lost channel redelivers them. Each is unconfirmed. */
function takenOver(products: number, own: Partial<CoreOptions> = {}): CoreFixture {
  const at = new CoreFixture(own);
  at.handle({ type: "held" });
  for (let product = 1; product <= products; product++) at.published(product);
  const marker = at.deliver(0);
  at.settle("confirmed", marker);
  at.settle("confirmed", at.returnMarker(marker));
  for (let product = 1; product <= products; product++) at.deliver(product, { redelivered: true });
  return at;
}

test("a redelivery whose publish only the ledger has is held until a receipt proves that it was in the pull queue", () => {
  const at = takenOver(1);
  expect(at.core.unconfirmed).toBe(1);
  at.nowMs += 400;
  expect(at.pulled(1, startMs)).toMatchObject([
    { type: "remember-served", key: keyOf(1) },
    { type: "remember-certain", key: keyOf(1) },
    { type: "doubt-settled", how: "receipt", heldMs: 400 },
    { type: "twin" },
    { type: "ack", delivery: 2 },
  ]);
  expect(at.core.unconfirmed).toBe(0);
  expect(actions(at.deliver(1, { redelivered: true })), "certain from now on").toEqual(["ack 3"]);
});

test("a request for it proves the same: a puller had it", () => {
  const at = takenOver(1);
  const request = {
    kind: "request",
    key: keyOf(1),
    routingKey: "v00.urp.alternate.X",
    reason: "404",
    source: "urp-1",
  } as const;
  expect(at.ledger(request), "of which publish?").toEqual([]);
  expect(actions(at.ledger({ ...request, atMs: startMs }))).toEqual(["remember-certain", "ack 2"]);
});

test("a receipt without a time, or of a publish a window ago, proves nothing; one of an earlier publish within it does", () => {
  const at = takenOver(1);
  expect(at.ledger({ kind: "pulled", key: keyOf(1) })).toEqual([]);
  expect(at.pulled(1, startMs - windowMs + 1000)).toEqual([]);
  expect(at.core.unconfirmed).toBe(1);
  expect(actions(at.pulled(1, startMs - 5000))).toEqual(["remember-served", "remember-certain", "ack 2"]);
});

test("without a receipt it is published again when it is late and a later product's receipt has arrived", () => {
  const at = takenOver(1, { doubtMs: 30_000 });
  at.nowMs += 29_999;
  at.pulled(0, startMs + 1000);
  expect(at.handle({ type: "tick" })).toEqual([]);
  const marker = at.tickAfter(1);
  expect(types(marker), "not before the ledger is read up to here").toEqual(["marker"]);
  const again = at.returnMarker(marker);
  expect(again).toMatchObject([
    { type: "doubt-settled", how: "again", heldMs: 30_000 },
    { type: "publish", delivery: { id: 2 }, firstAtMs: startMs, doubt: true },
  ]);
  expect(actions(at.settle("confirmed", again))).toEqual(["remember-certain", "ack 2"]);
});

test("a receipt of a product no later than it says nothing about the queue", () => {
  const at = takenOver(1);
  at.pulled(0, startMs + 999);
  expect(at.tickAfter(60_000)).toEqual([]);
});

test("in a quiet hour it is published again when the pull queue was seen empty, check after check, for three times doubtMs", () => {
  const at = takenOver(1, { doubtMs: 30_000 });
  at.handle({ type: "output-seen", isEmpty: true });
  at.nowMs += 30_001;
  at.handle({ type: "output-seen", isEmpty: true });
  for (let looks = 0; looks < 17; looks++) {
    at.nowMs += 5000;
    at.handle({ type: "output-seen", isEmpty: true });
  }
  expect(at.handle({ type: "tick" }), "nothing is known about the time between the first two checks").toEqual([]);
  at.nowMs += 5000;
  at.handle({ type: "output-seen", isEmpty: true });
  expect(actions(at.returnMarker(at.handle({ type: "tick" })))).toEqual(["publish 2"]);
});

test("a check that finds messages in the pull queue interrupts the time it was empty", () => {
  const at = takenOver(1, { doubtMs: 30_000 });
  for (let looks = 0; looks < 60; looks++) {
    at.handle({ type: "output-seen", isEmpty: looks % 10 !== 9 });
    at.nowMs += 5000;
  }
  expect(at.handle({ type: "tick" })).toEqual([]);
});

test("with no receipts at all it is published again after doubtMaxMs", () => {
  const at = takenOver(1, { doubtMaxMs: 1_200_000 });
  expect(at.tickAfter(1_199_999)).toEqual([]);
  expect(actions(at.returnMarker(at.tickAfter(1)))).toEqual(["publish 2"]);
});

test("a receipt that arrives before the marker comes back settles it", () => {
  const at = takenOver(1, { doubtMaxMs: 1_200_000 });
  const marker = at.tickAfter(1_200_000);
  expect(actions(at.pulled(1, startMs))).toEqual(["remember-served", "remember-certain", "ack 2"]);
  expect(at.returnMarker(marker)).toEqual([]);
});

test("a delivery that is not a redelivery is a twin: the original is unacked, and decides", () => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  at.published(1);
  expect(actions(at.returnMarker(at.deliver(1, { source: "urp-2" })))).toEqual(["keep-twin 1"]);
});

test("further redeliveries are held with the first, which the broker may have requeued unnoticed, and settled with it", () => {
  const at = takenOver(1);
  expect(actions(at.deliver(1, { redelivered: true, source: "urp-2" }))).toEqual([]);
  expect(at.core.unconfirmed).toBe(1);
  expect(actions(at.pulled(1, startMs))).toEqual(["remember-served", "remember-certain", "ack 2", "ack 3"]);
});

test("however many a killed dispatcher left, none is published again before its time", () => {
  const at = takenOver(3, { doubtsMax: 2 });
  expect([at.core.unconfirmed, at.tickAfter(50)]).toEqual([3, []]);
  for (const product of [1, 2, 3]) expect(actions(at.pulled(product, startMs))).toContain(`ack ${product + 1}`);
  expect(at.core.unconfirmed).toBe(0);
});

test("if pullers send no receipts, the ledger is trusted at once", () => {
  const at = takenOver(1, { receipts: false });
  expect(at.core.unconfirmed).toBe(0);
  expect(at.pulled(1)).toEqual([]);
});

test("when the address is lost, held deliveries are requeued; when the channel is lost, they are forgotten", () => {
  const at = takenOver(2);
  expect(actions(at.handle({ type: "gone" }))).toEqual(["cancel", "requeue 2", "requeue 3"]);
  const other = takenOver(2);
  other.handle({ type: "deliveries-lost" });
  expect(other.core.unconfirmed).toBe(0);
});

test("a refused publish that our ledger shows anyway is unconfirmed, and not retried", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.published(1, { ours: true });
  expect(types(at.settle("nacked", publish))).toEqual(["publish-failed", "doubt"]);
  expect(actions(at.pulled(1))).toEqual(["remember-served", "remember-certain", "ack 2"]);
});

test("the same if the ledger shows it after the refusal", () => {
  const at = CoreFixture.working();
  at.settle("nacked", at.deliver(1));
  expect(types(at.published(1, { ours: true }))).toEqual(["remember", "doubt"]);
});

test("without receipts a refused publish is repeated, whatever the ledger shows", () => {
  const at = CoreFixture.working({ receipts: false });
  const publish = at.deliver(1);
  at.published(1, { ours: true });
  at.settle("nacked", publish);
  expect(at.returnMarker(at.tickAfter(100))).toMatchObject([{ type: "publish", doubt: true }]);
});

test("a repeated publish that is refused is retried, not held again", () => {
  const at = takenOver(1, { doubtMaxMs: 1000, retry: { minMs: 100, maxMs: 100 } });
  const again = at.returnMarker(at.tickAfter(1000));
  expect(types(at.settle("nacked", again))).toEqual(["publish-failed"]);
  expect(actions(at.returnMarker(at.tickAfter(100)))).toEqual(["publish 2"]);
});

test("a repeated announcement is a twin if a puller has it, and is otherwise held until one has, although our publish was confirmed", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.settle("confirmed", at.deliver(2));
  at.pulled(1);
  expect(actions(at.deliver(1, { again: true }))).toEqual(["ack 4"]);
  expect(types(at.deliver(2, { again: true }))).toEqual(["doubt"]);
  expect(actions(at.deliver(2, { again: true, source: "urp-2" })), "the other server's").toEqual([]);
  expect(actions(at.pulled(2))).toEqual(["remember-served", "ack 5", "ack 6"]);
});

test("a repeated announcement nobody has pulled is published again, late and marked; an unknown one at once, and marked", () => {
  const at = CoreFixture.working({ doubtMs: 3000 });
  at.settle("confirmed", at.deliver(1));
  at.deliver(1, { again: true });
  at.nowMs += 3000;
  at.settle("confirmed", at.deliver(2));
  at.pulled(2);
  const marker = at.handle({ type: "tick" });
  expect(at.returnMarker(marker)).toMatchObject([
    { how: "again" },
    { type: "publish", delivery: { id: 3 }, doubt: true },
  ]);
  expect(at.deliver(3, { again: true })).toMatchObject([{ type: "publish", doubt: true }]);
});

test("many repeated announcements make none go out early, up to doubtsMax", () => {
  const at = CoreFixture.working({ doubtsMax: 3 });
  for (const product of [1, 2, 3]) {
    at.settle("confirmed", at.deliver(product));
    at.deliver(product, { again: true });
  }
  expect([at.core.unconfirmed, at.tickAfter(100)]).toEqual([3, []]);
  expect(actions(at.handle({ type: "gone" }))).toEqual(["cancel", "requeue 3", "requeue 5", "requeue 7"]);
});

test("beyond doubtsMax the oldest repeated one is published, so that one product can't fill the input", () => {
  const at = CoreFixture.working({ doubtsMax: 3 });
  at.settle("confirmed", at.deliver(1));
  for (let count = 0; count < 4; count++) at.deliver(1, { again: true });
  const publish = at.returnMarker(at.tickAfter(100));
  expect(publish).toMatchObject([{ how: "again" }, { type: "publish", delivery: { id: 3 }, doubt: true }]);
  expect(actions(at.settle("confirmed", publish))).toEqual(["ack 3", "ack 4", "ack 5", "ack 6"]);
  expect(at.core.unconfirmed).toBe(0);
});

test("if pullers send no receipts, a repeated announcement is a twin", () => {
  const at = CoreFixture.working({ receipts: false });
  at.settle("confirmed", at.deliver(1));
  expect(actions(at.deliver(1, { again: true }))).toEqual(["ack 3"]);
});

test("a receipt for a product that the ledger never showed makes it known, from its first arrival on", () => {
  const at = new CoreFixture();
  expect(at.pulled(1, startMs - 5000)).toEqual([
    { type: "remember", key: keyOf(1), atMs: startMs - 5000, source: "", sizeBytes: 0, certain: true },
    { type: "remember-served", key: keyOf(1) },
  ]);
  at.handle({ type: "held" });
  expect(actions(at.returnMarker(at.deliver(1, { redelivered: true })))).toEqual(["ack 1"]);
});
