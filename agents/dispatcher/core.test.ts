import { expect, test } from "vitest";
import { CoreFixture, deeds, keyOf, startMs, types, windowMs } from "./core-fixture.ts";

test("the first announcement of a product is published under the notify topic and acked only when confirmed", () => {
  const at = CoreFixture.working();
  const delivery = at.announcement(1);
  const routingKey = "v00.urp.notify.RADAR";
  const effects = at.tell({ type: "delivery", delivery });
  const publish = { type: "publish", routingKey, delivery, firstAtMs: startMs, doubt: false };
  expect(effects).toMatchObject([publish]);
  at.nowMs += 5;
  expect(at.settle("confirmed", effects)).toEqual([
    { type: "remember", key: keyOf(1), atMs: startMs, source: "urp-1", sizeBytes: 498_081, certain: true },
    { type: "won", source: "urp-1", tookMs: 5 },
    { type: "ack", delivery: 2 },
  ]);
});

test("a twin that comes while the first is in flight waits, and is kept and acked with it", () => {
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

test("a twin within the window is acked and counted; after the window, counted from the first arrival, it goes out", () => {
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

test("a source's own repetition is not kept as a twin, a second twin neither, nor one of what a puller has", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  expect(deeds(at.deliver(1))).toEqual(["ack 3"]);
  expect(deeds(at.deliver(1, { source: "urp-2" }))).toEqual(["keep-twin 4"]);
  at.tell({ type: "twin-kept", key: keyOf(1), ref: 77 });
  expect(deeds(at.deliver(1, { source: "urp-3" }))).toEqual(["ack 5"]);
  at.settle("confirmed", at.deliver(2));
  at.pulled(2);
  expect(deeds(at.deliver(2, { source: "urp-2" }))).toEqual(["ack 7"]);
});

test("a publish that was returned is tried again after a pause, which grows, each time with the ledger read up to there", () => {
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

test("what was refused may be in some queue: it goes out again with that doubt", () => {
  const at = CoreFixture.working();
  at.settle("nacked", at.deliver(1));
  expect(at.returnMarker(at.tickAfter(100))).toMatchObject([{ type: "publish", doubt: true }]);
});

test("a retry that another's publish has overtaken is a twin", () => {
  const at = CoreFixture.working();
  at.settle("returned", at.deliver(1));
  expect(types(at.published(1, { source: "urp-2" }))).toEqual(["remember", "twin", "keep-twin"]);
  expect(at.tickAfter(1000)).toEqual([]);
  expect(at.core.inFlight).toBe(0);
});

test("our own publish is remembered when the ledger shows it first, and is certain when it is confirmed", () => {
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

test("a record that is older than the window, or of a clock that is ahead, lasts no longer than by our clock", () => {
  const at = new CoreFixture();
  expect(at.published(1, { atMs: startMs - windowMs })).toEqual([]);
  expect(at.published(2, { atMs: startMs + 5000 })).toMatchObject([{ type: "remember", atMs: startMs }]);
});

test("when the channel goes while a publish is in flight and the publish was confirmed, the redelivery is a twin", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.tell({ type: "deliveries-lost" });
  const marker = at.deliver(1, { redelivered: true });
  at.published(1, { ours: true });
  expect(deeds(at.settle("confirmed", publish))).toEqual(["remember-certain"]);
  expect(deeds(at.returnMarker(marker))).toEqual(["ack 3"]);
});

test.each([
  ["before", "the channel's loss is told"],
  ["after", "the channel's loss is told"],
])("a publish lost %s %s, that the ledger does not show, goes out again by the redelivery, as one in doubt", (when) => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  if (when === "before") expect(types(at.settle("lost", publish))).toEqual(["publish-failed"]);
  at.tell({ type: "deliveries-lost" });
  if (when === "after") expect(types(at.settle("lost", publish))).toEqual(["publish-failed"]);
  expect(at.core.inFlight).toBe(0);
  const again = at.returnMarker(at.deliver(1, { redelivered: true }));
  expect(again).toMatchObject([{ type: "publish", delivery: { id: 3 }, doubt: true }]);
});

test("a publish that is lost while its delivery stays ours is decided anew after a marker", () => {
  const at = CoreFixture.working();
  at.settle("lost", at.deliver(1));
  expect(at.core.state).toBe("catching-up");
  expect(types(at.returnMarker(at.tickAfter(100)))).toEqual(["publish"]);
});

test("an answer to nothing that was asked changes nothing", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.settle("confirmed", publish);
  expect(at.settle("returned", publish)).toEqual([]);
  expect(at.tell({ type: "twin-missing", claim: 99 })).toEqual([]);
});

test("what is no announcement is put aside with the reason; oddly written ones are read", () => {
  const at = CoreFixture.working();
  const garbage = { ...at.announcement(1), body: Buffer.from("garbage") };
  expect(at.tell({ type: "delivery", delivery: garbage })).toMatchObject([{ type: "dead-letter", delivery: 2 }]);
  expect(at.tell({ type: "delivery", delivery: { ...at.announcement(1), routingKey: "v00.dd.notify" } })).toEqual([
    { type: "dead-letter", delivery: 3, reason: "routing key does not start with v00.urp.input: v00.dd.notify" },
  ]);
  const long = `v00.urp.input.${"x".repeat(241)}`;
  expect(at.tell({ type: "delivery", delivery: { ...at.announcement(1), routingKey: long } })).toMatchObject([
    { type: "dead-letter", delivery: 4, reason: `routing key has no room for v00.urp.notify: ${long}` },
  ]);
  const odd = Buffer.from(`${keyOf(1).toUpperCase()}  7 http://urp-1/ a/b%20c\n`);
  expect(types(at.tell({ type: "delivery", delivery: { ...at.announcement(1), body: odd } }))).toEqual(["publish"]);
  expect(at.deliver(1), "the same key in lower case").toEqual([]);
});

test("no more than publishingMax are under way: the next waits aside, in order", () => {
  const at = CoreFixture.working({ publishingMax: 2 });
  const first = at.deliver(1);
  at.deliver(2);
  expect([at.deliver(3), at.deliver(1), at.deliver(4)]).toEqual([[], [], []]);
  expect([at.core.keptAside, at.core.state]).toEqual([3, "active"]);
  expect(deeds(at.settle("confirmed", first))).toEqual(["remember", "ack 2", "publish 4"]);
});
