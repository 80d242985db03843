import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { BrokerSessionState } from "../lib/broker-session.ts";
import type { PublishOptions, PublishOutcome } from "../lib/publisher.ts";
import { type ReceiptOutcome, Receipts } from "./receipts.ts";

/** A session controlled by the test: its state is set, each publish gets the next outcome, then `confirmed`. */
class HandledSession extends EventEmitter {
  state: BrokerSessionState = "ready";
  isWritable = true;
  readonly sent: { topic: string; body: string; options: PublishOptions | undefined }[] = [];
  readonly outcomes: PublishOutcome[] = [];

  async publish(_exchange: string, topic: string, body: Buffer, options?: PublishOptions): Promise<PublishOutcome> {
    this.sent.push({ topic, body: body.toString(), options });
    return this.outcomes.shift() ?? "confirmed";
  }
}

function arrange(waitingMax?: number, times: number[] = []) {
  const session = new HandledSession();
  const told: ReceiptOutcome[] = [];
  const receipts = new Receipts({
    session: session as never,
    exchange: "cmc",
    topic: "v00.urp.pulled",
    retryMs: 1,
    host: "pds-1",
    nowMs: () => times.shift() ?? 9,
    ...(waitingMax === undefined ? {} : { waitingMax }),
    onOutcome: (outcome) => void told.push(outcome),
  });
  const keys = () => session.sent.map(({ body }) => body);
  return { receipts, session, told, keys, send: (key: string) => receipts.send({ ...placed, key }) };
}

const placed = { timestampSeconds: 1, placed: true, closedMs: undefined };

test("a receipt is the product's key with the time of its first arrival, says who placed it when, and is not mandatory", async () => {
  const { receipts, session, told } = arrange(undefined, [1_421_777_343_500]);
  receipts.send({ key: "k1", timestampSeconds: 1_421_777_342, placed: true, closedMs: 1_421_777_341_812 });
  receipts.send({ key: "k2", timestampSeconds: undefined, placed: false, closedMs: undefined });
  const options = { mandatory: false, contentType: "text/plain" };
  const marks = [
    { "x-warren-placed": "1421777343500", "x-warren-host": "pds-1", "x-warren-closed": "1421777341812" },
    { "x-warren-before": "1", "x-warren-host": "pds-1" },
  ];
  expect(session.sent).toEqual([
    {
      topic: "v00.urp.pulled",
      body: "k1",
      options: { ...options, timestampSeconds: 1_421_777_342, headers: marks[0] },
    },
    { topic: "v00.urp.pulled", body: "k2", options: { ...options, headers: marks[1] } },
  ]);
  await expect.poll(() => told, { timeout: 8000 }).toEqual(["confirmed", "confirmed"]);
  expect(receipts.pending).toBe(0);
});

test.each([
  ["the broker accepts no messages", "blocked", "unblocked"],
  ["there is no connection", "connecting", "ready"],
] as const)("they wait while %s, and are then sent in order", (_, state, event) => {
  const { receipts, session, keys, send } = arrange();
  session.state = state;
  for (const key of ["k1", "k2", "k3"]) send(key);
  expect([keys(), receipts.pending]).toEqual([[], 3]);
  session.state = "ready";
  session.emit(event);
  expect(keys()).toEqual(["k1", "k2", "k3"]);
});

test("they wait while too many are in flight, and resume with the next confirm", async () => {
  const { session, keys, send } = arrange();
  send("k1");
  session.isWritable = false;
  send("k2");
  expect(keys()).toEqual(["k1"]);
  session.isWritable = true;
  await expect.poll(keys, { timeout: 8000 }).toEqual(["k1", "k2"]);
});

test("a lost or refused one is sent again as it was until the broker has it", async () => {
  const { receipts, session, told, send } = arrange(undefined, [1001, 1002, 1003]);
  session.outcomes.push("lost", "nacked");
  send("k1");
  await expect.poll(() => told, { timeout: 8000 }).toEqual(["lost", "nacked", "confirmed"]);
  expect([session.sent.length, receipts.pending]).toEqual([3, 0]);
  // Each time with the time of the placing: readers know that it is one placing.
  const marks = { "x-warren-placed": "1001", "x-warren-host": "pds-1" };
  expect(session.sent.map(({ options }) => options?.headers)).toEqual([marks, marks, marks]);
});

test("at the limit the oldest is dropped, and counted", () => {
  const { session, told, keys, send } = arrange(2);
  session.state = "blocked";
  for (const key of ["k1", "k2", "k3"]) send(key);
  expect(told).toEqual(["dropped"]);
  session.state = "ready";
  session.emit("unblocked");
  expect(keys()).toEqual(["k2", "k3"]);
});

test("at the end those in flight are awaited, but not those that can't be sent, nor beyond the deadline", async () => {
  const { receipts, session, told, send } = arrange();
  send("k1");
  await receipts.drained(new AbortController().signal);
  expect(told).toEqual(["confirmed"]);
  session.state = "connecting";
  send("k2");
  await receipts.drained(new AbortController().signal);
  session.state = "ready";
  session.isWritable = false;
  await receipts.drained(AbortSignal.timeout(20));
  expect(receipts.pending).toBe(1);
});
