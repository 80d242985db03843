import { expect, test } from "vitest";
import { actions, CoreFixture, keyOf, startMs, types, windowMs } from "./core-fixture.ts";

test("the first announcement of a product is published under the notify topic and acked only when confirmed", () => {
  const at = CoreFixture.working();
  const delivery = at.announcement(1);
  const routingKey = "v00.urp.notify.RADAR";
  const effects = at.handle({ type: "delivery", delivery });
  const publish = { type: "publish", routingKey, delivery, firstAtMs: startMs, doubt: false };
  expect(effects).toMatchObject([publish]);
  at.nowMs += 5;
  expect(at.settle("confirmed", effects)).toEqual([
    { type: "remember", key: keyOf(1), atMs: startMs, source: "urp-1", sizeBytes: 498_081, certain: true },
    { type: "won", source: "urp-1", tookMs: 5 },
    { type: "ack", delivery: 2 },
  ]);
});

test("with notifyKey: exact the routing key is the notify topic alone, whatever the folders", () => {
  const at = CoreFixture.working({ notifyKey: "exact" });
  const effects = at.deliver(1);
  expect(effects).toMatchObject([{ type: "publish", routingKey: "v00.urp.notify" }]);
  expect(actions(at.settle("confirmed", effects))).toEqual(["remember", "ack 2"]);
});

test("a twin that arrives while the first is in flight waits, and is kept and acked with it", () => {
  const at = CoreFixture.working();
  const effects = at.deliver(1);
  at.nowMs += 3;
  expect(at.deliver(1, { source: "urp-2", sizeBytes: 5 })).toEqual([]);
  at.nowMs += 6;
  expect(at.settle("confirmed", effects).slice(1)).toMatchObject([
    { type: "won", source: "urp-1", tookMs: 9 },
    { type: "ack", delivery: 2 },
    { type: "twin", source: "urp-2", firstSource: "urp-1", leadMs: 3, sizeDiffers: true },
    { type: "keep-twin", key: keyOf(1), delivery: { id: 3 } },
  ]);
});

test("a twin within the window is acked and counted; after the window, counted from the first arrival, it is published", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.nowMs = startMs + windowMs - 1;
  expect(at.returnMarker(at.deliver(1))).toMatchObject([
    { type: "twin", source: "urp-1", firstSource: "urp-1", leadMs: windowMs - 1, sizeDiffers: false },
    { type: "ack", delivery: 3 },
  ]);
  at.nowMs = startMs + windowMs;
  expect(types(at.deliver(1))).toEqual(["publish"]);
});

test("a source's own repetition, a second twin, and a twin of a product that a puller has are not kept", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  expect(actions(at.deliver(1))).toEqual(["ack 3"]);
  expect(actions(at.deliver(1, { source: "urp-2" }))).toEqual(["keep-twin 4"]);
  at.handle({ type: "twin-kept", key: keyOf(1), ref: 77 });
  expect(actions(at.deliver(1, { source: "urp-3" }))).toEqual(["ack 5"]);
  at.settle("confirmed", at.deliver(2));
  at.pulled(2);
  expect(actions(at.deliver(2, { source: "urp-2" }))).toEqual(["ack 7"]);
});

test("a returned publish is retried after growing pauses, each time with the ledger read up to then", () => {
  const at = CoreFixture.working();
  expect(types(at.settle("returned", at.deliver(1)))).toEqual(["publish-failed"]);
  expect(at.core.retrying).toBe(1);
  expect(at.tickAfter(99)).toEqual([]);
  const marker = at.tickAfter(1);
  expect(types(marker)).toEqual(["marker"]);
  const again = at.returnMarker(marker);
  expect(again).toMatchObject([{ type: "publish", doubt: false, firstAtMs: startMs }]);
  at.settle("returned", again);
  expect(at.tickAfter(199)).toEqual([]);
  const third = at.returnMarker(at.tickAfter(1));
  expect(types(at.settle("confirmed", third))).toEqual(["remember", "won", "ack"]);
});

test("a refused publish may be in some queue: it is published again, marked as unconfirmed", () => {
  const at = CoreFixture.working();
  at.settle("nacked", at.deliver(1));
  expect(at.returnMarker(at.tickAfter(100))).toMatchObject([{ type: "publish", doubt: true }]);
});

test("a retry is a twin once another host's publish has overtaken it", () => {
  const at = CoreFixture.working();
  at.settle("returned", at.deliver(1));
  expect(types(at.published(1, { source: "urp-2" }))).toEqual(["remember", "twin", "keep-twin"]);
  expect(at.tickAfter(1000)).toEqual([]);
  expect(at.core.inFlight).toBe(0);
});

test("our own publish is remembered when the ledger shows it first, and is certain once confirmed", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  expect(at.published(1, { ours: true, atMs: startMs + 700 })).toMatchObject([
    { type: "remember", key: keyOf(1), atMs: startMs, certain: false },
  ]);
  expect(at.settle("confirmed", publish)).toMatchObject([
    { type: "remember-certain", key: keyOf(1) },
    { type: "won" },
    { type: "ack", delivery: 2 },
  ]);
  expect(at.published(1, { ours: true }), "shown twice").toEqual([]);
});

test("a record that is older than the window, or from a clock ahead of ours, lasts no longer than by our clock", () => {
  const at = new CoreFixture();
  expect(at.published(1, { atMs: startMs - windowMs })).toEqual([]);
  expect(at.published(2, { atMs: startMs + 5000 })).toMatchObject([{ type: "remember", atMs: startMs }]);
});

test("the channel is lost while a publish is in flight: if it got through, the redelivery is a twin", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.handle({ type: "deliveries-lost" });
  const marker = at.deliver(1, { redelivered: true });
  at.published(1, { ours: true });
  expect(actions(at.settle("confirmed", publish))).toEqual(["remember-certain"]);
  expect(actions(at.returnMarker(marker))).toEqual(["ack 3"]);
});

test.each([
  ["before", "the loss is reported"],
  ["after", "the loss is reported"],
])(
  "a publish lost %s %s, which the ledger does not show, is published again for the redelivery, marked as unconfirmed",
  (when) => {
    const at = CoreFixture.working();
    const publish = at.deliver(1);
    if (when === "before") expect(types(at.settle("lost", publish))).toEqual(["publish-failed"]);
    at.handle({ type: "deliveries-lost" });
    if (when === "after") expect(types(at.settle("lost", publish))).toEqual(["publish-failed"]);
    expect(at.core.inFlight).toBe(0);
    const again = at.returnMarker(at.deliver(1, { redelivered: true }));
    expect(again).toMatchObject([{ type: "publish", delivery: { id: 3 }, doubt: true }]);
  },
);

test("a publish that is lost while its delivery stays ours is decided again after a marker", () => {
  const at = CoreFixture.working();
  at.settle("lost", at.deliver(1));
  expect(at.core.state).toBe("catching-up");
  expect(types(at.returnMarker(at.tickAfter(100)))).toEqual(["publish"]);
});

test("an outcome of an unknown publish changes nothing", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.settle("confirmed", publish);
  expect(at.settle("returned", publish)).toEqual([]);
  expect(at.handle({ type: "twin-missing", claim: 99 })).toEqual([]);
});

test("what is not an announcement is dead-lettered with the reason; unusual spellings are read", () => {
  const at = CoreFixture.working();
  const garbage = { ...at.announcement(1), body: Buffer.from("garbage") };
  expect(at.handle({ type: "delivery", delivery: garbage })).toMatchObject([{ type: "dead-letter", delivery: 2 }]);
  expect(at.handle({ type: "delivery", delivery: { ...at.announcement(1), routingKey: "v00.dd.notify" } })).toEqual([
    { type: "dead-letter", delivery: 3, reason: "routing key does not start with v00.urp.input: v00.dd.notify" },
  ]);
  const long = `v00.urp.input.${"x".repeat(241)}`;
  expect(at.handle({ type: "delivery", delivery: { ...at.announcement(1), routingKey: long } })).toMatchObject([
    { type: "dead-letter", delivery: 4, reason: `routing key has no room for v00.urp.notify: ${long}` },
  ]);
  const odd = Buffer.from(`${keyOf(1).toUpperCase()}  7 http://urp-1/ a/b%20c\n`);
  expect(types(at.handle({ type: "delivery", delivery: { ...at.announcement(1), body: odd } }))).toEqual(["publish"]);
  expect(at.deliver(1), "the same key in lower case").toEqual([]);
});

test("no more than publishingMax are in flight: the next is deferred, in order", () => {
  const at = CoreFixture.working({ publishingMax: 2 });
  const first = at.deliver(1);
  at.deliver(2);
  expect([at.deliver(3), at.deliver(1), at.deliver(4)]).toEqual([[], [], []]);
  expect([at.core.keptAside, at.core.state]).toEqual([3, "active"]);
  expect(actions(at.settle("confirmed", first))).toEqual(["remember", "ack 2", "publish 4"]);
});

test("after a gap in the ledger unknown products are published as unconfirmed, for a window from the gap", () => {
  const at = CoreFixture.working({ deliveryGapMs: 2 * windowMs });
  at.handle({ type: "ledger-gap", atMs: startMs });
  at.handle({ type: "ledger-gap", atMs: startMs - 5 });
  at.nowMs = startMs + windowMs - 1;
  expect(at.deliver(1)).toMatchObject([{ type: "publish", doubt: true }]);
  at.nowMs = startMs + windowMs;
  expect(at.deliver(2)).toMatchObject([{ type: "publish", doubt: false }]);
});
