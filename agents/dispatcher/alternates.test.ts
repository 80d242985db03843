import { expect, test } from "vitest";
import { actions, CoreFixture, keyOf, startMs, types, windowMs } from "./core-fixture.ts";

/** Product 1 was published as urp-1's; urp-2's twin is kept on disk under 77. Deliveries 1 to 3 are settled. */
function withTwinKept(): CoreFixture {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.deliver(1, { source: "urp-2" });
  at.handle({ type: "twin-kept", key: keyOf(1), ref: 77 });
  return at;
}

test("a request is answered once, with the twin kept on disk, and acked once that is published", () => {
  const at = withTwinKept();
  const serve = at.request(1);
  const routingKey = "v00.urp.twin.RADAR";
  expect(serve).toMatchObject([{ type: "serve", routingKey, ref: 77, reason: "404", firstAtMs: startMs }]);
  expect(at.request(1), "a second one waits for the same").toEqual([]);
  expect(actions(at.settle("confirmed", serve))).toEqual(["ack 4", "ack 5"]);
  expect(actions(at.request(1)), "answered before").toEqual(["ack 6"]);
});

test("a request that arrives before the twin waits for it, and both are acked together", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  expect(at.request(1)).toEqual([]);
  expect(at.request(1), "a second one waits with it").toEqual([]);
  expect(at.core.alternatesWaiting).toBe(1);
  expect(actions(at.deliver(1)), "the same source is no alternative").toEqual(["ack 5"]);
  const serve = at.deliver(1, { source: "urp-2" });
  expect(serve).toMatchObject([{ type: "twin" }, { type: "serve-delivery", delivery: { id: 6 }, reason: "404" }]);
  expect(actions(at.settle("confirmed", serve))).toEqual(["ack 6", "ack 3", "ack 4"]);
});

test("a request that arrives while a twin is being written to disk is answered once the twin is there", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.deliver(1, { source: "urp-2" });
  expect(at.request(1)).toEqual([]);
  expect(at.handle({ type: "twin-kept", key: keyOf(1), ref: 5 })).toMatchObject([{ type: "serve", ref: 5 }]);
});

test("a request for an unknown product waits; the product from another source is the answer", () => {
  const at = CoreFixture.working();
  at.request(1);
  at.request(2);
  expect(actions(at.settle("confirmed", at.deliver(1, { source: "urp-2" })))).toEqual(["remember", "ack 4", "ack 2"]);
  const serve = at.deliver(2);
  at.deliver(2, { source: "urp-2" });
  expect(actions(at.settle("confirmed", serve)), "the twin that waited is kept").toEqual([
    "remember",
    "ack 5",
    "serve-delivery 6",
  ]);
});

test("the product does not answer a request that reports this very announcement as failed", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1, { source: "urp-2" });
  at.request(1, { source: "urp-1" });
  at.request(1, { source: "urp-2" });
  expect(actions(at.settle("confirmed", publish))).toEqual(["remember", "ack 2", "ack 3"]);
  expect(actions(at.deliver(1, { source: "urp-2" })), "nor does the repeated one").toEqual(["ack 5"]);
  expect(actions(at.deliver(1, { source: "urp-1" }))).toEqual(["serve-delivery 6"]);
});

test("if no twin arrives in time, the failed announcement is published again, with that reason", () => {
  const at = CoreFixture.working({ alternateWaitMs: 600_000 });
  at.request(1);
  expect(at.tickAfter(599_999)).toEqual([]);
  const serve = at.tickAfter(1);
  expect(serve).toMatchObject([
    { type: "serve-delivery", delivery: { id: 2 }, reason: "404; no twin arrived within 600 s", firstAtMs: undefined },
  ]);
  expect(actions(at.settle("confirmed", serve))).toEqual(["ack 2"]);
});

test("of many requests for one product only a few are kept, waiting or while the answer is in flight; the others are acked", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  const asked = Array.from({ length: 6 }, () => actions(at.request(1)));
  expect(asked).toEqual([[], [], [], ["ack 4"], ["ack 5"], ["ack 6"]]);
  const serve = at.deliver(1, { source: "urp-2" });
  expect([actions(at.request(1)), actions(at.request(1))]).toEqual([["ack 3"], ["ack 7"]]);
  expect(actions(at.settle("confirmed", serve))).toEqual(["ack 9", "ack 8", "ack 10", "ack 11"]);
});

test("beyond alternatesWaitingMax the oldest request gets no more time", () => {
  const at = CoreFixture.working({ alternatesWaitingMax: 2 });
  at.request(1);
  at.request(2);
  expect(actions(at.request(3))).toEqual(["serve-delivery 2"]);
  expect(at.core.alternatesWaiting).toBe(2);
});

test("a twin that arrives after the failed announcement was published again is still sent, once", () => {
  const at = CoreFixture.working({ alternatesWaitingMax: 1 });
  at.settle("confirmed", at.deliver(1));
  at.request(1);
  at.settle("confirmed", at.request(2));
  expect(actions(at.deliver(1)), "not the failed one again").toEqual(["ack 5"]);
  const serve = at.deliver(1, { source: "urp-2" });
  const reason = "404; no twin arrived within 0 s";
  expect(serve).toMatchObject([{ type: "twin" }, { type: "serve-delivery", delivery: { id: 6 }, reason }]);
  expect(actions(at.settle("confirmed", serve))).toEqual(["ack 6"]);
  expect(actions(at.deliver(1, { source: "urp-2" }))).toEqual(["keep-twin 7"]);
  expect(at.handle({ type: "twin-kept", key: keyOf(1), ref: 5 }), "no second one").toEqual([]);
});

test("a twin that arrives while the failed announcement is in flight is kept, and sent after it", () => {
  const at = CoreFixture.working({ alternatesWaitingMax: 1 });
  at.settle("confirmed", at.deliver(1));
  at.request(1);
  const last = at.request(2);
  expect(actions(at.deliver(1, { source: "urp-2" }))).toEqual(["keep-twin 5"]);
  at.handle({ type: "twin-kept", key: keyOf(1), ref: 9 });
  expect(actions(at.settle("confirmed", last))).toEqual(["ack 3", "serve"]);
});

test("no twin is owed for a product that a puller has after all; another product's twin is owed as long as the product is known", () => {
  const at = CoreFixture.working({ alternateWaitMs: 1000 });
  for (const product of [1, 2, 3]) {
    at.settle("confirmed", at.deliver(product));
    at.request(product);
  }
  for (const effect of at.tickAfter(1000)) at.settle("confirmed", [effect]);
  at.pulled(1);
  expect(actions(at.deliver(1, { source: "urp-2" }))).toEqual(["ack 8"]);
  at.nowMs += windowMs - 2000;
  expect(actions(at.returnMarker(at.deliver(2, { source: "urp-2" })))).toEqual(["serve-delivery 9"]);
  at.tickAfter(1000);
  expect(actions(at.deliver(3, { source: "urp-2" })), "a new window").toEqual(["publish 10"]);
});

test("an alternate that no queue accepts is retried; one lost with the channel is decided again", () => {
  const at = withTwinKept();
  expect(types(at.settle("returned", at.request(1)))).toEqual(["publish-failed"]);
  const serve = at.tickAfter(100);
  expect(actions(serve)).toEqual(["serve"]);
  expect(types(at.settle("lost", serve))).toEqual(["publish-failed"]);
  expect(actions(at.returnMarker(at.tickAfter(100)))).toEqual(["serve"]);
});

test("if the disk has lost a twin, its request waits as if there had been none", () => {
  const at = withTwinKept();
  const serve = at.request(1);
  const claim = serve[0]?.type === "serve" ? serve[0].claim : 0;
  expect(at.handle({ type: "twin-missing", claim })).toEqual([]);
  expect(at.returnMarker(at.tickAfter(100))).toEqual([]);
  expect(at.core.alternatesWaiting).toBe(1);
  expect(actions(at.deliver(1, { source: "urp-2" }))).toEqual(["serve-delivery 5"]);
});

test.each([
  ["the twin, sent by another host", "twin"],
  ["a receipt", "pulled"],
] as const)("a waiting request is acked when the ledger shows %s", (_, kind) => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.request(1);
  const record = kind === "twin" ? twinOf("urp-2") : ({ kind, key: keyOf(1), atMs: startMs } as const);
  expect(actions(at.ledger(record))).toContain("ack 3");
  expect(actions(at.request(1))).toEqual(["ack 4"]);
});

test("requests wait for a marker like announcements: the twin may already be published", () => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  at.published(1);
  const marker = at.request(1);
  expect(types(marker)).toEqual(["marker"]);
  at.ledger(twinOf("urp-2"));
  expect(actions(at.returnMarker(marker))).toEqual(["ack 1"]);
});

test("when the address is lost, requests are requeued after what is in flight; when the channel is lost, they are forgotten", () => {
  const at = withTwinKept();
  const serve = at.request(1);
  at.request(2);
  expect(at.handle({ type: "gone" })).toEqual([]);
  expect(actions(at.settle("nacked", serve))).toEqual(["cancel", "requeue 5", "requeue 4"]);
  expect(at.core.isIdle).toBe(true);

  const other = withTwinKept();
  const sent = other.request(1);
  other.request(2);
  other.handle({ type: "deliveries-lost" });
  expect(other.core.alternatesWaiting).toBe(0);
  expect(actions(other.settle("confirmed", sent)), "it got through: the repeated request is answered").toEqual([]);
  expect(actions(other.returnMarker(other.request(1)))).toEqual(["ack 6"]);
});

test("an unreadable request is dead-lettered", () => {
  const at = CoreFixture.working();
  const delivery = { ...at.announcement(1), routingKey: "v00.urp.alternate", body: Buffer.from("?") };
  expect(actions(at.handle({ type: "delivery", delivery }))).toEqual(["dead-letter 2"]);
});

test("a request under the bare topic is answered under the bare topic, even one of 255 bytes", () => {
  const at = withTwinKept();
  const bare = { ...at.announcement(1), routingKey: "v00.urp.alternate" };
  expect(at.handle({ type: "delivery", delivery: bare })).toMatchObject([
    { type: "serve", routingKey: "v00.urp.twin" },
  ]);
});

/** A host has answered for product 1, with this source's announcement. */
function twinOf(source: string) {
  return { kind: "twin", key: keyOf(1), source, routingKey: "v00.urp.twin.RADAR", reason: "404" } as const;
}

/** Product 1's twin is kept here, and another host has the address now. */
function standby(): CoreFixture {
  const at = withTwinKept();
  at.handle({ type: "gone" });
  return at;
}

const asked = {
  kind: "request",
  key: keyOf(1),
  routingKey: "v00.urp.alternate.RADAR",
  reason: "404",
  source: "urp-1",
} as const;

test("a standby that keeps the twin sends it if no other host does for a while", () => {
  const at = standby();
  expect(at.ledger(asked)).toEqual([]);
  expect(at.tickAfter(999)).toEqual([]);
  const serve = at.tickAfter(1);
  expect(serve).toMatchObject([{ type: "serve", routingKey: "v00.urp.twin.RADAR", ref: 77, reason: "404" }]);
  expect(types(at.settle("lost", serve))).toEqual(["publish-failed"]);
  expect(actions(at.settle("confirmed", at.tickAfter(100)))).toEqual([]);
  expect(at.ledger(asked), "once").toEqual([]);
  expect(at.tickAfter(1000)).toEqual([]);
  expect(at.core.isIdle).toBe(true);
});

test("a standby does nothing if the twin is sent, the product pulled, no twin kept, or the address its own by then", () => {
  const sent = standby();
  sent.ledger(asked);
  expect(actions(sent.ledger(twinOf("urp-2")))).toEqual([]);
  expect(sent.tickAfter(1000)).toEqual([]);

  const pulled = standby();
  pulled.ledger(asked);
  pulled.pulled(1, startMs);
  expect(pulled.tickAfter(1000)).toEqual([]);

  const none = standby();
  none.ledger({ ...asked, key: keyOf(5) });
  expect(none.tickAfter(1000)).toEqual([]);

  const back = standby();
  back.ledger(asked);
  back.handle({ type: "held" });
  expect(back.tickAfter(1000)).toEqual([]);
});

test("the active host leaves requests in its ledger to their deliveries, and answers as a standby if it loses the address first", () => {
  const at = withTwinKept();
  at.ledger(asked);
  expect(at.tickAfter(1000)).toEqual([]);
  at.handle({ type: "gone" });
  expect(actions(at.tickAfter(0))).toEqual(["serve"]);
});

test("if another host had no twin and published the failed announcement again, the twin kept here follows", () => {
  const at = standby();
  at.ledger(asked);
  const serve = at.ledger(twinOf("urp-1"));
  expect(serve).toMatchObject([{ type: "serve", ref: 77, reason: "404" }]);
  at.settle("confirmed", serve);
  expect(at.ledger(twinOf("urp-1")), "once").toEqual([]);
});

test("a twin that is kept or seen after another host published the failed announcement again is sent by the active host", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.ledger(twinOf("urp-1"));
  expect(actions(at.request(1)), "answered as far as possible").toEqual(["ack 3"]);
  expect(actions(at.deliver(1, { source: "urp-2" }))).toEqual(["serve-delivery 4"]);

  const paid = CoreFixture.working();
  paid.settle("confirmed", paid.deliver(1));
  paid.ledger(twinOf("urp-1"));
  paid.ledger(twinOf("urp-2"));
  expect(actions(paid.deliver(1, { source: "urp-2" }))).toEqual(["keep-twin 3"]);
});

test("a redelivered request may have been answered in the ledger only: it waits for a receipt, then for the last round", () => {
  const at = standby();
  at.ledger(twinOf("urp-2"));
  at.handle({ type: "held" });
  const marker = at.request(1, { redelivered: true });
  expect(at.returnMarker(marker)).toEqual([]);
  expect(at.core.alternatesWaiting).toBe(1);
  const serve = at.tickAfter(600_000);
  expect(serve, "with the twin all the same").toMatchObject([{ type: "serve", ref: 77 }]);
  expect(actions(at.settle("confirmed", serve))).toEqual(["ack 4"]);
  expect(actions(at.returnMarker(at.request(1, { redelivered: true }))), "confirmed to this host").toEqual(["ack 5"]);
});

test("if another source's announcement was published again unconfirmed, its failure is answered with the first one", () => {
  const at = new CoreFixture({}, [1]);
  at.table.setTwinRef(at.table.find(keyOf(1), startMs), 77);
  at.handle({ type: "held" });
  at.returnMarker(at.deliver(1, { source: "urp-2", again: true }));
  expect(actions(at.deliver(1, { redelivered: true })), "certain, so a twin").toEqual(["ack 2"]);
  const marker = at.tickAfter(1_200_000);
  const again = at.returnMarker(marker);
  expect(actions(again)).toEqual(["remember", "publish 1"]);
  expect(actions(at.settle("confirmed", again))).toEqual(["ack 1"]);
  expect(at.table.source(at.table.find(keyOf(1), at.nowMs))).toBe("urp-2");
  const asked = at.returnMarker(at.request(1, { source: "urp-2" }));
  expect(actions(asked), "the kept twin is of the same source").toEqual([]);
  expect(actions(at.deliver(1)), "the first one, announced again").toEqual(["serve-delivery 4"]);
});
