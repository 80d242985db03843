import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { BrokerSessionState } from "./broker-session.ts";
import type { PublishOptions, PublishOutcome } from "./publisher.ts";
import { type NoticeOutcome, SideNotices } from "./side-notices.ts";

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

function arrange(waitingMax?: number) {
  const session = new HandledSession();
  const outcomes: NoticeOutcome[] = [];
  const notices = new SideNotices({
    session: session as never,
    exchange: "cmc",
    topic: "v00.urp.pulled",
    retryMs: 1,
    ...(waitingMax === undefined ? {} : { waitingMax }),
    onOutcome: (outcome) => void outcomes.push(outcome),
  });
  const keys = () => session.sent.map(({ body }) => body);
  return { notices, session, outcomes, keys, send: (key: string) => notices.send(notice(key)) };
}

const notice = (key: string) => ({ body: Buffer.from(key), contentType: "text/plain", headers: { about: key } });

test("a notice is published as it is, and not mandatory", async () => {
  const { notices, session, outcomes, send } = arrange();
  send("k1");
  const options = { mandatory: false, contentType: "text/plain", headers: { about: "k1" } };
  expect(session.sent).toEqual([{ topic: "v00.urp.pulled", body: "k1", options }]);
  await expect.poll(() => outcomes, { timeout: 8000 }).toEqual(["confirmed"]);
  expect(notices.pending).toBe(0);
});

test.each([
  ["the broker accepts no messages", "blocked", "unblocked"],
  ["there is no connection", "connecting", "ready"],
] as const)("they wait while %s, and are then sent in order", (_, state, event) => {
  const { notices, session, keys, send } = arrange();
  session.state = state;
  for (const key of ["k1", "k2", "k3"]) send(key);
  expect([keys(), notices.pending]).toEqual([[], 3]);
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
  const { notices, session, outcomes, send } = arrange();
  session.outcomes.push("lost", "nacked");
  send("k1");
  await expect.poll(() => outcomes, { timeout: 8000 }).toEqual(["lost", "nacked", "confirmed"]);
  expect([session.sent.length, notices.pending]).toEqual([3, 0]);
  expect(session.sent.map(({ options }) => options?.headers)).toEqual(Array(3).fill({ about: "k1" }));
});

test("at the limit the oldest is dropped, and counted", () => {
  const { session, outcomes, keys, send } = arrange(2);
  session.state = "blocked";
  for (const key of ["k1", "k2", "k3"]) send(key);
  expect(outcomes).toEqual(["dropped"]);
  session.state = "ready";
  session.emit("unblocked");
  expect(keys()).toEqual(["k2", "k3"]);
});

test("at the end those in flight are awaited, but not those that can't be sent, nor beyond the deadline", async () => {
  const { notices, session, outcomes, send } = arrange();
  send("k1");
  await notices.drained(new AbortController().signal);
  expect(outcomes).toEqual(["confirmed"]);
  session.state = "connecting";
  send("k2");
  await notices.drained(new AbortController().signal);
  session.state = "ready";
  session.isWritable = false;
  await notices.drained(AbortSignal.timeout(20));
  expect(notices.pending).toBe(1);
});
