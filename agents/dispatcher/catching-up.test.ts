import { expect, test } from "vitest";
import { CoreFixture, deeds, keyOf, startMs, types } from "./core-fixture.ts";

test("after subscribing nothing is decided before a marker, sent when the first delivery came, is back", () => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  expect(at.core.state).toBe("active");
  const marker = at.deliver(1);
  expect(marker).toEqual([{ type: "marker", claim: 1, token: "me-1" }]);
  expect(at.deliver(2)).toEqual([]);
  expect([at.core.state, at.core.keptAside]).toEqual(["catching-up", 2]);
  at.published(1);
  expect(at.settle("confirmed", marker), "the confirm proves nothing").toEqual([]);
  expect(deeds(at.returnMarker(marker))).toEqual(["ack 1", "publish 2"]);
  expect(at.core.state).toBe("active");
  expect(types(at.deliver(3))).toEqual(["publish"]);
});

test("a marker that comes back before its confirm counts", () => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  const marker = at.deliver(1);
  expect(types(at.returnMarker(marker))).toEqual(["publish"]);
  expect(at.settle("confirmed", marker)).toEqual([]);
  expect(at.tickAfter(60_000), "and is not sent again").toMatchObject([{ type: "disconnect" }]);
});

test.each(["returned", "nacked", "lost"] as const)("a marker that is %s is sent again after a pause", (outcome) => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  expect(at.settle(outcome, at.deliver(1))).toEqual([]);
  expect(at.tickAfter(99)).toEqual([]);
  const marker = at.tickAfter(1);
  expect(types(at.returnMarker(marker))).toEqual(["publish"]);
});

test("a marker that is confirmed and not given back is sent again: somebody emptied the ledger queue", () => {
  const at = new CoreFixture({ confirmTimeoutMs: 10_000 });
  at.tell({ type: "held" });
  at.settle("confirmed", at.deliver(1));
  expect(at.tickAfter(9_999)).toEqual([]);
  const marker = at.tickAfter(1);
  expect(types(marker)).toEqual(["marker"]);
  expect(deeds(at.returnMarker(marker)), "it may be another's by now").toEqual(["requeue 1"]);
  expect(types(at.returnMarker(at.deliver(1, { redelivered: true })))).toEqual(["publish"]);
});

test("markers of an earlier catching-up, of another process, or given back twice count for nothing", () => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  const early = at.deliver(1);
  at.tell({ type: "deliveries-lost" });
  const late = at.deliver(1, { redelivered: true });
  expect(types(late)).toEqual(["marker"]);
  expect(at.returnMarker(early)).toEqual([]);
  expect(at.ledger({ kind: "marker", token: "other-2" })).toEqual([]);
  expect(types(at.returnMarker(late))).toEqual(["publish"]);
  expect(at.returnMarker(late)).toEqual([]);
});

test("another's publish has the next delivery wait for a marker; what is in flight goes on", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  expect(types(at.published(9))).toEqual(["remember"]);
  const marker = at.deliver(2);
  expect(types(marker)).toEqual(["marker"]);
  expect(at.published(8), "what others published before the marker is behind it").toHaveLength(1);
  expect(deeds(at.settle("confirmed", publish))).toEqual(["remember", "ack 2"]);
  expect(deeds(at.returnMarker(marker))).toEqual(["publish 3"]);
  expect(types(at.deliver(4))).toEqual(["publish"]);
});

test("our own publishes make nobody wait", () => {
  const at = CoreFixture.working();
  at.settle("confirmed", at.deliver(1));
  at.published(1, { ours: true });
  expect(types(at.deliver(2))).toEqual(["publish"]);
});

test("after a silence the next delivery waits for a marker: others may have worked meanwhile", () => {
  const at = CoreFixture.working({ deliveryGapMs: 1000 });
  at.nowMs += 999;
  expect(types(at.deliver(1))).toEqual(["publish"]);
  at.nowMs += 1000;
  expect(types(at.deliver(2))).toEqual(["marker"]);
});

test("a silence while a marker is out: what came before it is decided with that marker, what came after with the next", () => {
  const at = new CoreFixture({ deliveryGapMs: 1000 });
  at.tell({ type: "held" });
  const early = at.deliver(1);
  at.nowMs += 1000;
  expect(at.deliver(2)).toEqual([]);
  const late = at.returnMarker(early);
  expect(deeds(late)).toEqual(["publish 1", "marker"]);
  expect(deeds(at.returnMarker(late))).toEqual(["publish 2"]);
});

test("when the channel goes, what was kept aside is forgotten: it comes again", () => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  const marker = at.deliver(1);
  at.tell({ type: "deliveries-lost" });
  expect(at.core.keptAside).toBe(0);
  expect(at.returnMarker(marker)).toEqual([]);
});

test("the address leaves while catching up: all is given back, and a marker that comes back later decides nothing", () => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  const marker = at.deliver(1);
  at.deliver(2);
  expect(deeds(at.tell({ type: "gone" }))).toEqual(["cancel", "requeue 1", "requeue 2"]);
  expect(at.returnMarker(marker)).toEqual([]);
  expect(at.settle("confirmed", marker)).toEqual([]);
  at.tell({ type: "held" });
  expect(at.returnMarker(marker)).toEqual([]);
  expect(types(at.deliver(1))).toEqual(["marker"]);
});

test("the table has no room while catching up: what is undecided is given back", () => {
  const at = new CoreFixture({ entriesMax: 1 });
  at.tell({ type: "held" });
  const marker = at.deliver(1);
  at.deliver(2);
  at.published(9, { atMs: startMs - 10 });
  expect(deeds(at.returnMarker(marker))).toEqual(["full", "cancel", "requeue 2", "requeue 1"]);
});

test("markers confirm nothing about products: what the ledger did not show by then is published", () => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  const publish = at.returnMarker(at.deliver(1));
  expect(publish).toMatchObject([{ type: "publish", delivery: { id: 1 }, doubt: false }]);
  expect(at.settle("confirmed", publish)).toMatchObject([{ type: "remember", key: keyOf(1) }, {}, { type: "ack" }]);
});
