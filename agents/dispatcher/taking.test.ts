import { expect, test } from "vitest";
import { CoreFixture, deeds, startMs, types, windowMs } from "./core-fixture.ts";

test("with the address it subscribes, once; without, what still comes is given back", () => {
  const at = new CoreFixture();
  expect(deeds(at.deliver(1))).toEqual(["requeue 1"]);
  expect(at.tell({ type: "held" })).toEqual([{ type: "subscribe" }]);
  expect(at.tell({ type: "held" })).toEqual([]);
  expect(at.tell({ type: "gone" })).toEqual([{ type: "cancel" }]);
  expect(at.tell({ type: "gone" })).toEqual([]);
  expect(at.core.state).toBe("standby");
});

test("when the address leaves, nobody is let in before what is in flight is settled; then the rest is given back", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.settle("returned", at.deliver(2));
  expect(at.tell({ type: "gone" })).toEqual([]);
  expect(at.deliver(3), "kept aside, not decided").toEqual([]);
  expect(at.tickAfter(500), "no retry any more").toEqual([]);
  expect(at.core.isIdle).toBe(false);
  expect(deeds(at.settle("confirmed", publish))).toEqual(["remember", "ack 2", "cancel", "requeue 4", "requeue 3"]);
  expect([at.core.isIdle, at.core.inFlight, at.core.keptAside]).toEqual([true, 0, 0]);
  expect(deeds(at.deliver(3))).toEqual(["requeue 5"]);
});

test("when the address leaves, a product whose publish fails is given back with its twins", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.deliver(1, { source: "urp-2" });
  at.tell({ type: "gone" });
  expect(deeds(at.settle("nacked", publish))).toEqual(["cancel", "requeue 2", "requeue 3"]);
});

test("when the address leaves and publishes do not settle in time, they die with the connection", () => {
  const at = CoreFixture.working({ giveUpMs: 1000 });
  const publish = at.deliver(1);
  at.tell({ type: "gone" });
  expect(at.tickAfter(999)).toEqual([]);
  expect(types(at.tickAfter(1)), "first the break, so that nobody is let in while our channel lives").toEqual([
    "disconnect",
    "cancel",
  ]);
  expect(at.core.isIdle).toBe(false);
  expect(types(at.settle("lost", publish))).toEqual(["publish-failed"]);
  expect(at.tell({ type: "deliveries-lost" })).toEqual([]);
  expect(at.core.isIdle).toBe(true);
});

test("when the address leaves and then the connection, nothing is given back that is no longer ours", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.tell({ type: "gone" });
  at.deliver(2);
  expect(types(at.tell({ type: "deliveries-lost" })), "and it must not subscribe anew").toEqual(["cancel"]);
  expect(types(at.settle("lost", publish))).toEqual(["publish-failed"]);
  expect([at.core.isIdle, at.core.inFlight]).toEqual([true, 0]);
});

test("an address that is back before anybody was let in is worked for again, after a marker", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.tell({ type: "gone" });
  at.deliver(2);
  const marker = at.tell({ type: "held" });
  expect(types(marker)).toEqual(["marker"]);
  expect(deeds(at.settle("confirmed", publish))).toEqual(["remember", "ack 2"]);
  expect(deeds(at.returnMarker(marker))).toEqual(["publish 3"]);
});

test("stop is a leaving without return", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  expect(at.tell({ type: "stop" })).toEqual([]);
  expect([at.core.state, at.core.isIdle]).toEqual(["stopped", false]);
  expect(at.tell({ type: "held" })).toEqual([]);
  expect(deeds(at.settle("confirmed", publish))).toEqual(["remember", "ack 2", "cancel"]);
  expect(at.core.isIdle).toBe(true);
});

test("a publish that is never settled breaks the connection, but not while the broker says that it is blocked", () => {
  const at = CoreFixture.working({ confirmTimeoutMs: 10_000 });
  at.deliver(1);
  at.tell({ type: "blocked" });
  expect(at.tickAfter(60_000)).toEqual([]);
  at.tell({ type: "unblocked" });
  expect(at.tickAfter(9_999)).toEqual([]);
  expect(at.tickAfter(1)).toMatchObject([{ type: "disconnect", reason: "a publish not settled for 10000 ms" }]);
  expect(at.tickAfter(50), "said once, then waited for").toEqual([]);
});

test("at entriesMax it stops taking, forgets nothing, and goes on when the window has passed", () => {
  const at = CoreFixture.working({ entriesMax: 3 });
  at.settle("confirmed", at.deliver(1));
  const publish = at.deliver(2);
  expect(at.deliver(3)).toEqual([{ type: "full", entries: 3 }]);
  expect(at.core.state).toBe("full");
  expect(deeds(at.settle("confirmed", publish))).toEqual(["remember", "ack 3", "cancel", "requeue 4"]);
  expect(at.core.ledgerPaused, "what the ledger says may be known").toBe(false);
  at.nowMs = startMs + windowMs - 1;
  expect(at.tell({ type: "tick" })).toEqual([]);
  expect(at.tickAfter(1)).toEqual([{ type: "subscribe" }]);
  expect(at.core.entries).toBe(0);
});

test("full, it still knows twins, and gives back what comes late", () => {
  const at = CoreFixture.working({ entriesMax: 2 });
  at.settle("confirmed", at.deliver(1));
  expect(deeds(at.deliver(1))).toEqual(["ack 3"]);
  expect(deeds(at.deliver(2))).toEqual(["full", "cancel", "requeue 4"]);
  expect(deeds(at.deliver(1))).toEqual(["requeue 5"]);
});

test("a standby whose table is full reads no more of the ledger, and takes nothing when the address comes", () => {
  const at = new CoreFixture({ entriesMax: 1 });
  expect(types(at.published(1))).toEqual(["remember"]);
  expect(types(at.published(2))).toEqual(["ledger-pause", "full"]);
  expect([at.core.state, at.core.ledgerPaused]).toEqual(["full", true]);
  expect(at.tell({ type: "held" })).toEqual([]);
  expect(types(at.tickAfter(windowMs))).toEqual(["ledger-resume", "subscribe"]);
  expect(types(at.published(2))).toEqual(["remember"]);
});

test("an active one that has no room for what another published takes nothing more", () => {
  const at = CoreFixture.working({ entriesMax: 2 });
  const publish = at.deliver(1);
  expect(types(at.published(2))).toEqual(["ledger-pause", "full"]);
  expect(deeds(at.settle("confirmed", publish))).toEqual(["remember", "ack 2", "cancel"]);
});

test("a table that comes full from disk has the ledger wait from the start", () => {
  const at = new CoreFixture({ entriesMax: 1 }, [1]);
  expect([at.core.state, at.core.ledgerPaused]).toEqual(["full", true]);
  expect(types(at.tickAfter(windowMs))).toEqual(["ledger-resume"]);
});

test("fenced: another publishes since we subscribed, and we are given nothing; the first delivery ends it", () => {
  const at = new CoreFixture();
  at.tell({ type: "held" });
  at.published(1, { atMs: startMs });
  expect(at.core.state, "published before: it may have left by now").toBe("active");
  at.nowMs += 5000;
  at.published(2);
  expect(at.core.state).toBe("fenced");
  expect(types(at.deliver(3))).toEqual(["marker"]);
  expect(at.core.state).toBe("catching-up");
});
