import { expect, test } from "vitest";
import { actions, CoreFixture, keyOf, startMs, types } from "./core-fixture.ts";

test("after subscribing nothing is decided before a marker, sent when the first delivery arrived, comes back", () => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  expect(at.core.state).toBe("active");
  const marker = at.deliver(1);
  expect(marker).toEqual([{ type: "marker", claim: 1, token: "me-1" }]);
  expect(at.deliver(2)).toEqual([]);
  expect([at.core.state, at.core.keptAside]).toEqual(["catching-up", 2]);
  at.published(1);
  expect(at.settle("confirmed", marker), "the confirm proves nothing").toEqual([]);
  expect(actions(at.returnMarker(marker))).toEqual(["ack 1", "publish 2"]);
  expect(at.core.state).toBe("active");
  expect(types(at.deliver(3))).toEqual(["publish"]);
});

test("a marker that comes back before its confirm counts", () => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  const marker = at.deliver(1);
  expect(types(at.returnMarker(marker))).toEqual(["publish"]);
  expect(at.settle("confirmed", marker)).toEqual([]);
  expect(at.tickAfter(60_000), "and is not sent again").toMatchObject([{ type: "disconnect" }]);
});

test.each(["returned", "nacked", "lost"] as const)("a marker that is %s is sent again after a pause", (outcome) => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  expect(at.settle(outcome, at.deliver(1))).toEqual([]);
  expect(at.tickAfter(99)).toEqual([]);
  const marker = at.tickAfter(1);
  expect(types(at.returnMarker(marker))).toEqual(["publish"]);
});

test("a marker that is confirmed but does not come back is sent again: the ledger queue was purged", () => {
  const at = new CoreFixture({ confirmTimeoutMs: 10_000 });
  at.handle({ type: "held" });
  at.settle("confirmed", at.deliver(1));
  expect(at.tickAfter(9_999)).toEqual([]);
  const marker = at.tickAfter(1);
  expect(types(marker)).toEqual(["marker"]);
  expect(actions(at.returnMarker(marker)), "it may be another host's by now").toEqual(["requeue 1"]);
  expect(types(at.returnMarker(at.deliver(1, { redelivered: true })))).toEqual(["publish"]);
});

test("markers of an earlier catch-up, of another process, or received twice are ignored", () => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  const early = at.deliver(1);
  at.handle({ type: "deliveries-lost" });
  const late = at.deliver(1, { redelivered: true });
  expect(types(late)).toEqual(["marker"]);
  expect(at.returnMarker(early)).toEqual([]);
  expect(at.ledger({ kind: "marker", token: "other-2" })).toEqual([]);
  expect(types(at.returnMarker(late))).toEqual(["publish"]);
  expect(at.returnMarker(late)).toEqual([]);
});

test("after another host's publish the next delivery waits for a marker; what is in flight continues", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  expect(types(at.published(9))).toEqual(["remember"]);
  const marker = at.deliver(2);
  expect(types(marker)).toEqual(["marker"]);
  expect(at.published(8), "what others published before the marker is behind it").toHaveLength(1);
  expect(actions(at.settle("confirmed", publish))).toEqual(["remember", "ack 2"]);
  expect(actions(at.returnMarker(marker))).toEqual(["publish 3"]);
  expect(types(at.deliver(4))).toEqual(["publish"]);
});

test("our own publishes make no delivery wait", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.published(1, { ours: true });
  expect(types(at.deliver(2))).toEqual(["publish"]);
});

test("after a gap the next delivery waits for a marker: another host may have been active meanwhile", () => {
  const at = CoreFixture.working({ deliveryGapMs: 1000 });
  at.nowMs += 999;
  expect(types(at.deliver(1))).toEqual(["publish"]);
  at.nowMs += 1000;
  expect(types(at.deliver(2))).toEqual(["marker"]);
});

test("a gap while a marker is in flight: earlier deliveries are decided with that marker, later ones with the next", () => {
  const at = new CoreFixture({ deliveryGapMs: 1000 });
  at.handle({ type: "held" });
  const early = at.deliver(1);
  at.nowMs += 1000;
  expect(at.deliver(2)).toEqual([]);
  const late = at.returnMarker(early);
  expect(actions(late)).toEqual(["publish 1", "marker"]);
  expect(actions(at.returnMarker(late))).toEqual(["publish 2"]);
});

test("when the channel is lost, deferred deliveries are forgotten, because they come again", () => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  const marker = at.deliver(1);
  at.handle({ type: "deliveries-lost" });
  expect(at.core.keptAside).toBe(0);
  expect(at.returnMarker(marker)).toEqual([]);
});

test("the address is lost while catching up: everything is requeued, and a marker that comes back later decides nothing", () => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  const marker = at.deliver(1);
  at.deliver(2);
  expect(actions(at.handle({ type: "gone" }))).toEqual(["cancel", "requeue 1", "requeue 2"]);
  expect(at.returnMarker(marker)).toEqual([]);
  expect(at.settle("confirmed", marker)).toEqual([]);
  at.handle({ type: "held" });
  expect(at.returnMarker(marker)).toEqual([]);
  expect(types(at.deliver(1))).toEqual(["marker"]);
});

test("the table is full while catching up: undecided deliveries are requeued", () => {
  const at = new CoreFixture({ entriesMax: 1 });
  at.handle({ type: "held" });
  const marker = at.deliver(1);
  at.deliver(2);
  at.published(9, { atMs: startMs - 10 });
  expect(actions(at.returnMarker(marker))).toEqual(["full", "cancel", "requeue 2", "requeue 1"]);
});

test("markers prove nothing about products: what the ledger has not shown by then is published", () => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  const publish = at.returnMarker(at.deliver(1));
  expect(publish).toMatchObject([{ type: "publish", delivery: { id: 1 }, doubt: false }]);
  expect(at.settle("confirmed", publish)).toMatchObject([{ type: "remember", key: keyOf(1) }, {}, { type: "ack" }]);
});
