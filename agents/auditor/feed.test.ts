import { EventEmitter } from "node:events";
import { afterEach, expect, test } from "vitest";
import type { BrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";
import { Feed } from "./feed.ts";

let feed: Feed | undefined;
afterEach(() => feed?.stop());

test("a connection that is lost while a check ends is a gap all the same", async () => {
  const session = Object.assign(new EventEmitter(), {
    state: "ready",
    checks: 0,
    async withChannel(): Promise<object> {
      session.checks += 1;
      // The channel's close is waited for after the broker has answered. Nobody hears of it when that fails.
      if (session.checks === 3) session.emit("lost");
      return { messageCount: 0 };
    },
    async declare() {},
    subscribe: () => ({}),
    async unsubscribe() {},
  });
  const gaps: string[] = [];
  const others = { exchanges: [], queues: [] };
  feed = new Feed({
    ...{ session: session as unknown as BrokerSession, log: {} as Log, queue: "q", own: others, others },
    ...{ messagesMax: 100, mayDiscard: true, prefetch: 10, checkMs: 5, nowMs: Date.now },
    ...{ onDelivery() {}, onLost() {}, onCheck() {}, onGap: (why) => gaps.push(why) },
  });
  await expect.poll(() => session.checks).toBeGreaterThan(8);
  expect(gaps).toEqual([expect.stringMatching("the connection was lost")]);
});
