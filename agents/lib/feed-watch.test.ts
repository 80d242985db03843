import { pino } from "pino";
import { expect, test } from "vitest";
import type { BrokerSessionState } from "./broker-session.ts";
import { FeedWatch } from "./feed-watch.ts";

function arrange() {
  const world = { nowMs: 0, waiting: 5, isIdle: true, state: "ready" as BrokerSessionState, looks: 0 };
  const dropped: { reason: string; elsewhere: boolean | undefined }[] = [];
  let starved = 0;
  const session = {
    get state() {
      return world.state;
    },
    async withChannel() {
      world.looks += 1;
      return { queue: "q", messageCount: world.waiting, consumerCount: 2 };
    },
    disconnect: (reason: string, options: { elsewhere?: boolean } = {}) =>
      void dropped.push({ reason, elsewhere: options.elsewhere }),
  };
  const watch = new FeedWatch({
    session: session as never,
    queue: "q",
    log: pino({ level: "silent" }),
    isIdle: () => world.isIdle,
    nowMs: () => world.nowMs,
    onStarved: () => (starved += 1),
  });
  watch.stop();
  /** Checks every five seconds, like the timer. */
  const pass = async (seconds: number) => {
    for (const end = world.nowMs + seconds * 1000; world.nowMs < end; ) {
      world.nowMs += 5000;
      await watch.check();
    }
  };
  return { watch, world, dropped, pass, starved: () => starved };
}

test("a consumer that receives nothing while messages wait drops its connection after two checks, and goes to another host", async () => {
  const { watch, dropped, pass, starved } = arrange();
  await pass(10);
  expect([dropped, watch.isStarved]).toEqual([[], false]);
  await pass(5);
  const reason = "5 messages wait in q, and the broker delivers none of them";
  expect([dropped, watch.isStarved, starved()]).toEqual([[{ reason, elsewhere: true }], true, 1]);
});

test("if that changes nothing it is repeated, at the same pace, and stays reported until a message arrives", async () => {
  const { watch, dropped, pass } = arrange();
  await pass(15);
  await pass(10);
  expect([dropped.length, watch.isStarved]).toEqual([1, true]);
  await pass(5);
  expect(dropped).toHaveLength(2);
  watch.fed();
  expect(watch.isStarved).toBe(false);
});

test("an empty queue is no reason, and ends the report", async () => {
  const { watch, world, dropped, pass } = arrange();
  await pass(15);
  world.waiting = 0;
  await pass(60);
  expect([dropped.length, watch.isStarved]).toEqual([1, false]);
});

test.each([
  ["has unacked messages", { isIdle: false }],
  ["has no connection", { state: "connecting" as const }],
  ["is notified of a broker alarm", { state: "blocked" as const }],
])("nothing is checked while the consumer %s", async (_, change) => {
  const { world, dropped, pass } = arrange();
  Object.assign(world, change);
  await pass(60);
  expect([world.looks, dropped]).toEqual([0, []]);
});

test("a consumer that is fed between two checks stays connected", async () => {
  const { watch, world, dropped, pass } = arrange();
  for (let count = 0; count < 10; count += 1) {
    await pass(10);
    watch.fed();
  }
  expect([world.looks, dropped]).toEqual([10, []]);
});

test("a consumer that is not supposed to be fed, or has unacked messages, is not starved", async () => {
  const { watch, world, pass } = arrange();
  await pass(15);
  expect(watch.isStarved).toBe(true);
  world.isIdle = false;
  await pass(5);
  expect(watch.isStarved).toBe(false);
});
