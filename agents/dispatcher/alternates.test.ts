import { expect, test } from "vitest";
import { CoreFixture, deeds, keyOf, startMs, types, windowMs } from "./core-fixture.ts";

/** Product 1 went out as urp-1's; urp-2's twin is kept on disk under 77. Deliveries 1 to 3 are done. */
function withTwinKept(): CoreFixture {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.deliver(1, { source: "urp-2" });
  at.tell({ type: "twin-kept", key: keyOf(1), ref: 77 });
  return at;
}

test("a request is answered with the twin kept on disk, once, and acked when that is out", () => {
  const at = withTwinKept();
  const serve = at.request(1);
  const routingKey = "v00.urp.twin.RADAR";
  expect(serve).toMatchObject([{ type: "serve", routingKey, ref: 77, reason: "404", firstAtMs: startMs }]);
  expect(at.request(1), "a second one waits for the same").toEqual([]);
  expect(deeds(at.settle("confirmed", serve))).toEqual(["ack 4", "ack 5"]);
  expect(deeds(at.request(1)), "answered already").toEqual(["ack 6"]);
});

test("a request that comes before the twin waits for it, and both are acked together", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  expect(at.request(1)).toEqual([]);
  expect(at.request(1), "a second one waits with it").toEqual([]);
  expect(at.core.alternatesWaiting).toBe(1);
  expect(deeds(at.deliver(1)), "the same source is no alternative").toEqual(["ack 5"]);
  const serve = at.deliver(1, { source: "urp-2" });
  expect(serve).toMatchObject([{ type: "twin" }, { type: "serve-delivery", delivery: { id: 6 }, reason: "404" }]);
  expect(deeds(at.settle("confirmed", serve))).toEqual(["ack 6", "ack 3", "ack 4"]);
});

test("a request that comes between a twin and its place on disk is answered when that is known", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.deliver(1, { source: "urp-2" });
  expect(at.request(1)).toEqual([]);
  expect(at.tell({ type: "twin-kept", key: keyOf(1), ref: 5 })).toMatchObject([{ type: "serve", ref: 5 }]);
});

test("a request for an unknown product waits; the product as another source's is the answer", () => {
  const at = CoreFixture.working();
  at.request(1);
  at.request(2);
  expect(deeds(at.settle("confirmed", at.deliver(1, { source: "urp-2" })))).toEqual(["remember", "ack 4", "ack 2"]);
  const serve = at.deliver(2);
  at.deliver(2, { source: "urp-2" });
  expect(deeds(at.settle("confirmed", serve)), "the twin that waited is").toEqual([
    "remember",
    "ack 5",
    "serve-delivery 6",
  ]);
});

test("the product is no answer to the request that says that this very announcement failed", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1, { source: "urp-2" });
  at.request(1, { source: "urp-1" });
  at.request(1, { source: "urp-2" });
  expect(deeds(at.settle("confirmed", publish))).toEqual(["remember", "ack 2", "ack 3"]);
  expect(deeds(at.deliver(1, { source: "urp-2" })), "nor is that one again").toEqual(["ack 5"]);
  expect(deeds(at.deliver(1, { source: "urp-1" }))).toEqual(["serve-delivery 6"]);
});

test("where no twin comes in time the failed announcement goes out once more, and says so", () => {
  const at = CoreFixture.working({ alternateWaitMs: 600_000 });
  at.request(1);
  expect(at.tickAfter(599_999)).toEqual([]);
  const serve = at.tickAfter(1);
  expect(serve).toMatchObject([
    { type: "serve-delivery", delivery: { id: 2 }, reason: "404; no twin came within 600 s", firstAtMs: undefined },
  ]);
  expect(deeds(at.settle("confirmed", serve))).toEqual(["ack 2"]);
});

test("of many requests for one product few are kept, waiting or while the answer is on its way: the others are acked", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  const asked = Array.from({ length: 6 }, () => deeds(at.request(1)));
  expect(asked).toEqual([[], [], [], ["ack 4"], ["ack 5"], ["ack 6"]]);
  const serve = at.deliver(1, { source: "urp-2" });
  expect([deeds(at.request(1)), deeds(at.request(1))]).toEqual([["ack 3"], ["ack 7"]]);
  expect(deeds(at.settle("confirmed", serve))).toEqual(["ack 9", "ack 8", "ack 10", "ack 11"]);
});

test("beyond alternatesWaitingMax the oldest request gets no more time", () => {
  const at = CoreFixture.working({ alternatesWaitingMax: 2 });
  at.request(1);
  at.request(2);
  expect(deeds(at.request(3))).toEqual(["serve-delivery 2"]);
  expect(at.core.alternatesWaiting).toBe(2);
});

test("a twin that comes after the failed announcement went out once more is sent all the same, once", () => {
  const at = CoreFixture.working({ alternatesWaitingMax: 1 });
  at.settle("confirmed", at.deliver(1));
  at.request(1);
  at.settle("confirmed", at.request(2));
  expect(deeds(at.deliver(1)), "the failed one again is none").toEqual(["ack 5"]);
  const serve = at.deliver(1, { source: "urp-2" });
  const reason = "404; no twin came within 0 s";
  expect(serve).toMatchObject([{ type: "twin" }, { type: "serve-delivery", delivery: { id: 6 }, reason }]);
  expect(deeds(at.settle("confirmed", serve))).toEqual(["ack 6"]);
  expect(deeds(at.deliver(1, { source: "urp-2" }))).toEqual(["keep-twin 7"]);
  expect(at.tell({ type: "twin-kept", key: keyOf(1), ref: 5 }), "no second one").toEqual([]);
});

test("a twin that comes while the failed announcement is on its way is kept, and sent after it", () => {
  const at = CoreFixture.working({ alternatesWaitingMax: 1 });
  at.settle("confirmed", at.deliver(1));
  at.request(1);
  const last = at.request(2);
  expect(deeds(at.deliver(1, { source: "urp-2" }))).toEqual(["keep-twin 5"]);
  at.tell({ type: "twin-kept", key: keyOf(1), ref: 9 });
  expect(deeds(at.settle("confirmed", last))).toEqual(["ack 3", "serve"]);
});

test("a product that a puller has after all is owed no twin, another one as long as it is known", () => {
  const at = CoreFixture.working({ alternateWaitMs: 1000 });
  for (const product of [1, 2, 3]) {
    at.settle("confirmed", at.deliver(product));
    at.request(product);
  }
  for (const effect of at.tickAfter(1000)) at.settle("confirmed", [effect]);
  at.pulled(1);
  expect(deeds(at.deliver(1, { source: "urp-2" }))).toEqual(["ack 8"]);
  at.nowMs += windowMs - 2000;
  expect(deeds(at.returnMarker(at.deliver(2, { source: "urp-2" })))).toEqual(["serve-delivery 9"]);
  at.tickAfter(1000);
  expect(deeds(at.deliver(3, { source: "urp-2" })), "a new window").toEqual(["publish 10"]);
});

test("an alternate that no queue takes is tried again; one lost with the channel is decided anew", () => {
  const at = withTwinKept();
  expect(types(at.settle("returned", at.request(1)))).toEqual(["publish-failed"]);
  const serve = at.tickAfter(100);
  expect(deeds(serve)).toEqual(["serve"]);
  expect(types(at.settle("lost", serve))).toEqual(["publish-failed"]);
  expect(deeds(at.returnMarker(at.tickAfter(100)))).toEqual(["serve"]);
});

test("a twin that the disk has lost: its request waits as if there had been none", () => {
  const at = withTwinKept();
  const serve = at.request(1);
  const claim = serve[0]?.type === "serve" ? serve[0].claim : 0;
  expect(at.tell({ type: "twin-missing", claim })).toEqual([]);
  expect(at.returnMarker(at.tickAfter(100))).toEqual([]);
  expect(at.core.alternatesWaiting).toBe(1);
  expect(deeds(at.deliver(1, { source: "urp-2" }))).toEqual(["serve-delivery 5"]);
});

test.each([
  ["the twin, sent by somebody", "twin"],
  ["a receipt", "pulled"],
] as const)("a request that waits is acked when the ledger shows %s", (_, kind) => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.request(1);
  const record = kind === "twin" ? twinOf("urp-2") : ({ kind, key: keyOf(1), atMs: startMs } as const);
  expect(deeds(at.ledger(record))).toContain("ack 3");
  expect(deeds(at.request(1))).toEqual(["ack 4"]);
});

test("requests wait for a marker like announcements: the twin may be out already", () => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  at.published(1);
  const marker = at.request(1);
  expect(types(marker)).toEqual(["marker"]);
  at.ledger(twinOf("urp-2"));
  expect(deeds(at.returnMarker(marker))).toEqual(["ack 1"]);
});

test("when the address leaves, requests are given back, after what is under way; when the channel goes, forgotten", () => {
  const at = withTwinKept();
  const serve = at.request(1);
  at.request(2);
  expect(at.tell({ type: "gone" })).toEqual([]);
  expect(deeds(at.settle("nacked", serve))).toEqual(["cancel", "requeue 5", "requeue 4"]);
  expect(at.core.isIdle).toBe(true);

  const other = withTwinKept();
  const sent = other.request(1);
  other.request(2);
  other.tell({ type: "deliveries-lost" });
  expect(other.core.alternatesWaiting).toBe(0);
  expect(deeds(other.settle("confirmed", sent)), "it got through: the request that comes again is answered").toEqual(
    [],
  );
  expect(deeds(other.returnMarker(other.request(1)))).toEqual(["ack 6"]);
});

test("a request that can't be read is put aside", () => {
  const at = CoreFixture.working();
  const delivery = { ...at.announcement(1), routingKey: "v00.urp.alternate", body: Buffer.from("?") };
  expect(deeds(at.tell({ type: "delivery", delivery }))).toEqual(["dead-letter 2"]);
});

test("a request under the bare topic is answered under the bare topic, one of 255 bytes too", () => {
  const at = withTwinKept();
  const bare = { ...at.announcement(1), routingKey: "v00.urp.alternate" };
  expect(at.tell({ type: "delivery", delivery: bare })).toMatchObject([{ type: "serve", routingKey: "v00.urp.twin" }]);
});

/** Somebody has answered for product 1: with this source's announcement. */
function twinOf(source: string) {
  return { kind: "twin", key: keyOf(1), source, routingKey: "v00.urp.twin.RADAR", reason: "404" } as const;
}

/** Product 1's twin is kept here, and the address is elsewhere by now. */
function standby(): CoreFixture {
  const at = withTwinKept();
  at.tell({ type: "gone" });
  return at;
}

const asked = {
  kind: "request",
  key: keyOf(1),
  routingKey: "v00.urp.alternate.RADAR",
  reason: "404",
  source: "urp-1",
} as const;

test("a standby that keeps the twin sends it when nobody else has for a while", () => {
  const at = standby();
  expect(at.ledger(asked)).toEqual([]);
  expect(at.tickAfter(999)).toEqual([]);
  const serve = at.tickAfter(1);
  expect(serve).toMatchObject([{ type: "serve", routingKey: "v00.urp.twin.RADAR", ref: 77, reason: "404" }]);
  expect(types(at.settle("lost", serve))).toEqual(["publish-failed"]);
  expect(deeds(at.settle("confirmed", at.tickAfter(100)))).toEqual([]);
  expect(at.ledger(asked), "once").toEqual([]);
  expect(at.tickAfter(1000)).toEqual([]);
  expect(at.core.isIdle).toBe(true);
});

test("a standby does nothing where the twin is sent, the product pulled, no twin kept, or the address its own by then", () => {
  const sent = standby();
  sent.ledger(asked);
  expect(deeds(sent.ledger(twinOf("urp-2")))).toEqual([]);
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
  back.tell({ type: "held" });
  expect(back.tickAfter(1000)).toEqual([]);
});

test("whoever works leaves requests in its ledger to their deliveries, and answers as a standby when the address leaves before", () => {
  const at = withTwinKept();
  at.ledger(asked);
  expect(at.tickAfter(1000)).toEqual([]);
  at.tell({ type: "gone" });
  expect(deeds(at.tickAfter(0))).toEqual(["serve"]);
});

test("where another had no twin, and announced what had failed once more, the twin that is kept here follows", () => {
  const at = standby();
  at.ledger(asked);
  const serve = at.ledger(twinOf("urp-1"));
  expect(serve).toMatchObject([{ type: "serve", ref: 77, reason: "404" }]);
  at.settle("confirmed", serve);
  expect(at.ledger(twinOf("urp-1")), "once").toEqual([]);
});

test("a twin that is kept, or is seen, after another has announced what had failed once more, is owed by the one that works", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.ledger(twinOf("urp-1"));
  expect(deeds(at.request(1)), "answered, as far as may be").toEqual(["ack 3"]);
  expect(deeds(at.deliver(1, { source: "urp-2" }))).toEqual(["serve-delivery 4"]);

  const paid = CoreFixture.working();
  paid.settle("confirmed", paid.deliver(1));
  paid.ledger(twinOf("urp-1"));
  paid.ledger(twinOf("urp-2"));
  expect(deeds(paid.deliver(1, { source: "urp-2" }))).toEqual(["keep-twin 3"]);
});

test("a request that comes again may have been answered in the ledger alone: it waits for a receipt, then the last round", () => {
  const at = standby();
  at.ledger(twinOf("urp-2"));
  at.tell({ type: "held" });
  const marker = at.request(1, { redelivered: true });
  expect(at.returnMarker(marker)).toEqual([]);
  expect(at.core.alternatesWaiting).toBe(1);
  const serve = at.tickAfter(600_000);
  expect(serve, "with the twin all the same").toMatchObject([{ type: "serve", ref: 77 }]);
  expect(deeds(at.settle("confirmed", serve))).toEqual(["ack 4"]);
  expect(deeds(at.returnMarker(at.request(1, { redelivered: true }))), "confirmed to this host").toEqual(["ack 5"]);
});

test("where what went out again in doubt is the other source's, that one's failure is answered with the first", () => {
  const at = new CoreFixture({}, [1]);
  at.table.setTwinRef(at.table.find(keyOf(1), startMs), 77);
  at.tell({ type: "held" });
  at.returnMarker(at.deliver(1, { source: "urp-2", again: true }));
  expect(deeds(at.deliver(1, { redelivered: true })), "certain, and a twin").toEqual(["ack 2"]);
  const marker = at.tickAfter(1_200_000);
  const again = at.returnMarker(marker);
  expect(deeds(again)).toEqual(["remember", "publish 1"]);
  expect(deeds(at.settle("confirmed", again))).toEqual(["ack 1"]);
  expect(at.table.source(at.table.find(keyOf(1), at.nowMs))).toBe("urp-2");
  const asked = at.returnMarker(at.request(1, { source: "urp-2" }));
  expect(deeds(asked), "what was kept is of the same source").toEqual([]);
  expect(deeds(at.deliver(1)), "the first one's, announced again").toEqual(["serve-delivery 4"]);
});
