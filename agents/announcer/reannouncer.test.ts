import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { PublishOptions, PublishOutcome } from "../lib/publisher.ts";
import { Reannouncer } from "./reannouncer.ts";

/** A session under the test's control: each publish waits until `answer` settles it, oldest first. */
class HandledSession extends EventEmitter {
  readonly state = "ready";
  isWritable = true;
  readonly sent: { body: string; headers: PublishOptions["headers"] }[] = [];
  readonly #waiting: ((outcome: PublishOutcome) => void)[] = [];

  publish(_exchange: string, _key: string, body: Buffer, options: PublishOptions): Promise<PublishOutcome> {
    this.sent.push({ body: body.toString(), headers: options.headers });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async answer(outcome: PublishOutcome): Promise<void> {
    for (const resolve of this.#waiting.splice(0)) resolve(outcome);
    await new Promise((resolve) => setImmediate(resolve));
  }

  reconnect(): void {
    this.emit("lost", "test");
    this.emit("ready");
  }
}

function arrange(max = 100) {
  const session = new HandledSession();
  const clock = { nowMs: 0 };
  const counts: number[] = [];
  let reannounced = 0;
  const reannouncer = new Reannouncer({
    session: session as never,
    keepMs: 1000,
    max,
    nowMs: () => clock.nowMs,
    events: { reannouncing: (count) => void counts.push(count), reannounced: () => (reannounced += 1) },
  });
  const confirm = (body: string) =>
    reannouncer.confirmed({ exchange: "cmc", routingKey: "k", body: Buffer.from(body), headers: { filename: body } });
  const bodies = () => session.sent.map(({ body }) => body);
  return { reannouncer, session, clock, counts, confirm, bodies, reannounced: () => reannounced };
}

test("recently confirmed announcements are published again after a reconnection, in order and marked; older ones are not", async () => {
  const { session, clock, counts, confirm, reannounced } = arrange();
  confirm("old");
  clock.nowMs = 1500;
  for (const body of ["a", "b"]) confirm(body);
  session.reconnect();
  expect(counts).toEqual([2]);
  expect(session.sent).toEqual(
    ["a", "b"].map((body) => ({ body, headers: { filename: body, "x-warren-again": "1" } })),
  );
  await session.answer("confirmed");
  expect(reannounced()).toBe(2);
});

test("the first connection, and one without kept announcements, publish nothing", () => {
  const { session, clock, counts, confirm, bodies } = arrange();
  session.emit("ready");
  confirm("a");
  session.emit("ready");
  clock.nowMs = 1001;
  session.reconnect();
  expect([counts, bodies()]).toEqual([[], []]);
});

test("few are in flight at a time: the rest of the publish window is for new announcements", async () => {
  const { session, confirm, bodies } = arrange();
  for (let count = 0; count < 50; count += 1) confirm(String(count));
  session.reconnect();
  expect(bodies()).toHaveLength(5);
  await session.answer("confirmed");
  expect(bodies()).toHaveLength(10);
});

test("a connection lost in the middle stops it; the next one starts with the full list, once", async () => {
  const { session, confirm, bodies } = arrange();
  for (let count = 0; count < 30; count += 1) confirm(String(count));
  session.reconnect();
  session.emit("lost", "test");
  await session.answer("lost");
  expect(bodies()).toHaveLength(5);
  session.emit("ready");
  for (let batch = 0; batch < 6; batch += 1) await session.answer("confirmed");
  expect(bodies().slice(5)).toEqual(Array.from({ length: 30 }, (_, count) => String(count)));
});

test("an announcement that the broker refuses is retried", async () => {
  const { session, confirm, bodies, reannounced } = arrange();
  confirm("a");
  session.reconnect();
  await session.answer("nacked");
  await expect.poll(bodies, { timeout: 2000 }).toEqual(["a", "a"]);
  await session.answer("confirmed");
  expect(reannounced()).toBe(1);
});

test("beyond the limit the oldest is dropped", () => {
  const { reannouncer, session, confirm, bodies } = arrange(2);
  for (const body of ["a", "b", "c"]) confirm(body);
  expect(reannouncer.kept).toBe(2);
  session.reconnect();
  expect(bodies()).toEqual(["b", "c"]);
});

test("after stop nothing is published", async () => {
  const { reannouncer, session, confirm, bodies } = arrange();
  for (let count = 0; count < 30; count += 1) confirm(String(count));
  session.reconnect();
  reannouncer.stop();
  await session.answer("confirmed");
  expect(bodies()).toHaveLength(5);
});

test("the time counts back from the loss, however long the outage, and whatever fails while it publishes again", async () => {
  const { session, clock, counts, confirm } = arrange();
  confirm("a");
  clock.nowMs = 900;
  session.emit("lost", "test");
  clock.nowMs = 60_000;
  session.emit("ready");
  expect(counts).toEqual([1]);
  session.reconnect();
  expect(counts, "not confirmed yet, so not forgotten").toEqual([1, 1]);
  await session.answer("confirmed");
  session.reconnect();
  expect(counts, "published again, and expired by now").toEqual([1, 1]);
});

test("however often the connection is lost, what has expired and was published again is forgotten", async () => {
  const { reannouncer, session, clock, counts, confirm } = arrange();
  for (let count = 0; count < 30; count += 1) confirm(String(count));
  session.reconnect();
  clock.nowMs = 1500;
  await session.answer("confirmed");
  session.reconnect();
  expect(counts).toEqual([30, 25]);
  expect(reannouncer.kept).toBe(25);
});
