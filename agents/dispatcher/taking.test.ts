import { expect, test } from "vitest";
import { actions, CoreFixture, startMs, types, windowMs } from "./core-fixture.ts";

test("with the address it subscribes once; without it, what still arrives is requeued", () => {
  const at = new CoreFixture();
  expect(actions(at.deliver(1))).toEqual(["requeue 1"]);
  expect(at.handle({ type: "held" })).toEqual([{ type: "subscribe" }]);
  expect(at.handle({ type: "held" })).toEqual([]);
  expect(at.handle({ type: "gone" })).toEqual([{ type: "cancel" }]);
  expect(at.handle({ type: "gone" })).toEqual([]);
  expect(at.core.state).toBe("standby");
});

test("when the address is lost, no other host is fed before what is in flight is settled; then the rest is requeued", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.settle("returned", at.deliver(2));
  expect(at.handle({ type: "gone" })).toEqual([]);
  expect(at.deliver(3), "deferred, not decided").toEqual([]);
  expect(at.tickAfter(500), "no more retries").toEqual([]);
  expect(at.core.isIdle).toBe(false);
  expect(actions(at.settle("confirmed", publish))).toEqual(["remember", "ack 2", "cancel", "requeue 4", "requeue 3"]);
  expect([at.core.isIdle, at.core.inFlight, at.core.keptAside]).toEqual([true, 0, 0]);
  expect(actions(at.deliver(3))).toEqual(["requeue 5"]);
});

test("when the address is lost, a product whose publish fails is requeued with its twins", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.deliver(1, { source: "urp-2" });
  at.handle({ type: "gone" });
  expect(actions(at.settle("nacked", publish))).toEqual(["cancel", "requeue 2", "requeue 3"]);
});

test("when the address is lost and publishes do not settle in time, they are dropped with the connection", () => {
  const at = CoreFixture.working({ giveUpMs: 1000 });
  const publish = at.deliver(1);
  at.handle({ type: "gone" });
  expect(at.tickAfter(999)).toEqual([]);
  expect(
    types(at.tickAfter(1)),
    "first the disconnect, so that no other host is fed while our channel is open",
  ).toEqual(["disconnect", "cancel"]);
  expect(at.core.isIdle).toBe(false);
  expect(types(at.settle("lost", publish))).toEqual(["publish-failed"]);
  expect(at.handle({ type: "deliveries-lost" })).toEqual([]);
  expect(at.core.isIdle).toBe(true);
});

test("when the address is lost and then the connection, nothing is requeued that is no longer ours", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.handle({ type: "gone" });
  at.deliver(2);
  expect(types(at.handle({ type: "deliveries-lost" })), "and it must not subscribe again").toEqual(["cancel"]);
  expect(types(at.settle("lost", publish))).toEqual(["publish-failed"]);
  expect([at.core.isIdle, at.core.inFlight]).toEqual([true, 0]);
});

test("an address that comes back before another host was fed is used again, after a marker", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  at.handle({ type: "gone" });
  at.deliver(2);
  const marker = at.handle({ type: "held" });
  expect(types(marker)).toEqual(["marker"]);
  expect(actions(at.settle("confirmed", publish))).toEqual(["remember", "ack 2"]);
  expect(actions(at.returnMarker(marker))).toEqual(["publish 3"]);
});

test("after stop it does not come back", () => {
  const at = CoreFixture.working();
  const publish = at.deliver(1);
  expect(at.handle({ type: "stop" })).toEqual([]);
  expect([at.core.state, at.core.isIdle]).toEqual(["stopped", false]);
  expect(at.handle({ type: "held" })).toEqual([]);
  expect(actions(at.settle("confirmed", publish))).toEqual(["remember", "ack 2", "cancel"]);
  expect(at.core.isIdle).toBe(true);
});

test("a publish that is never settled breaks the connection, but not while the broker is blocked", () => {
  const at = CoreFixture.working({ confirmTimeoutMs: 10_000 });
  at.deliver(1);
  at.handle({ type: "blocked" });
  expect(at.tickAfter(60_000)).toEqual([]);
  at.handle({ type: "unblocked" });
  expect(at.tickAfter(9_999)).toEqual([]);
  expect(at.tickAfter(1)).toMatchObject([{ type: "disconnect", reason: "a publish was not settled for 10000 ms" }]);
  expect(at.tickAfter(50), "reported once, then waited for").toEqual([]);
});

test("at entriesMax it accepts no more, forgets nothing, and resumes once the window has passed", () => {
  const at = CoreFixture.working({ entriesMax: 3 });
  at.settle("confirmed", at.deliver(1));
  const publish = at.deliver(2);
  expect(at.deliver(3)).toEqual([{ type: "full", entries: 3 }]);
  expect(at.core.state).toBe("full");
  expect(actions(at.settle("confirmed", publish))).toEqual(["remember", "ack 3", "cancel", "requeue 4"]);
  expect(at.core.ledgerPaused, "records of the ledger may still be known").toBe(false);
  at.nowMs = startMs + windowMs - 1;
  expect(at.handle({ type: "tick" })).toEqual([]);
  expect(at.tickAfter(1)).toEqual([{ type: "subscribe" }]);
  expect(at.core.entries).toBe(0);
});

test("full, it still knows twins, and requeues what arrives late", () => {
  const at = CoreFixture.working({ entriesMax: 2 });
  at.settle("confirmed", at.deliver(1));
  expect(actions(at.deliver(1))).toEqual(["ack 3"]);
  expect(actions(at.deliver(2))).toEqual(["full", "cancel", "requeue 4"]);
  expect(actions(at.deliver(1))).toEqual(["requeue 5"]);
});

test("a standby whose table is full stops reading the ledger, and accepts nothing when the address arrives", () => {
  const at = new CoreFixture({ entriesMax: 1 });
  expect(types(at.published(1))).toEqual(["remember"]);
  expect(types(at.published(2))).toEqual(["ledger-pause", "full"]);
  expect([at.core.state, at.core.ledgerPaused]).toEqual(["full", true]);
  expect(at.handle({ type: "held" })).toEqual([]);
  expect(types(at.tickAfter(windowMs))).toEqual(["ledger-resume", "subscribe"]);
  expect(types(at.published(2))).toEqual(["remember"]);
});

test("an active host without room for another host's publish accepts nothing more", () => {
  const at = CoreFixture.working({ entriesMax: 2 });
  const publish = at.deliver(1);
  expect(types(at.published(2))).toEqual(["ledger-pause", "full"]);
  expect(actions(at.settle("confirmed", publish))).toEqual(["remember", "ack 2", "cancel"]);
});

test("if the table is full from disk, the ledger waits from the start", () => {
  const at = new CoreFixture({ entriesMax: 1 }, [1]);
  expect([at.core.state, at.core.ledgerPaused]).toEqual(["full", true]);
  expect(types(at.tickAfter(windowMs))).toEqual(["ledger-resume"]);
});

test("fenced: another host has published since we subscribed, and we are fed nothing; the first delivery ends it", () => {
  const at = new CoreFixture();
  at.handle({ type: "held" });
  at.published(1, { atMs: startMs });
  expect(at.core.state, "published before: it may have left by now").toBe("active");
  at.nowMs += 5000;
  at.published(2);
  expect(at.core.state).toBe("fenced");
  expect(types(at.deliver(3))).toEqual(["marker"]);
  expect(at.core.state).toBe("catching-up");
});
