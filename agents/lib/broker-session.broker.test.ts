import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "amqplib";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, type MockInstance, test, vi } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { type BrokerSession, openBrokerSession } from "./broker-session.ts";
import { brokerConfig } from "./config.ts";
import { consume } from "./consumer.ts";
import type { PublishOutcome } from "./publisher.ts";
import { joinWrites, socketOf } from "./socket.ts";
import type { Delivery, Message, SubscriptionOptions } from "./subscription.ts";
import { deadLetterTopology, joinTopologies, type Topology } from "./topology.ts";

const log = pino({ level: "silent" });
let broker: LocalBroker;
let folder: string;
const sessions: BrokerSession[] = [];

beforeAll(async () => {
  broker = await sharedBroker();
  folder = await mkdtemp(join(tmpdir(), "warren-session-"));
  await writeFile(join(folder, "password"), `${broker.adminPassword}\n`);
  await writeFile(join(folder, "wrong"), "wrong");
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close();
});

function topologyFor(name: string, more: object = {}): Topology {
  const queue = { name, bindings: [{ exchange: "cmc", pattern: `${name}.#` }], ...more };
  return joinTopologies(deadLetterTopology, { exchanges: [{ name: "cmc", type: "topic" }], queues: [queue] });
}

function open(topology: Topology, own: object = {}): BrokerSession {
  const config = brokerConfig.parse({
    hosts: [`127.0.0.1:${broker.amqpPort}`],
    user: broker.adminUser,
    passwordFile: join(folder, "password"),
    ...own,
  });
  const session = openBrokerSession({ config, log, name: "test", topology });
  sessions.push(session);
  return session;
}

/** Everything delivered from a queue, and a promise for the n-th message. */
function collect(session: BrokerSession, queue: string): { got: Message[]; reach(count: number): Promise<void> } {
  const got: Message[] = [];
  let check = (): void => {};
  consume({
    session,
    queue,
    prefetch: 50,
    log,
    agent: "test",
    handle: (delivery) => {
      got.push(delivery);
      check();
      return "ack";
    },
  });
  return {
    got,
    reach: (count) =>
      new Promise((resolve) => {
        check = () => got.length >= count && resolve();
        check();
      }),
  };
}

test("a publish is confirmed if a queue accepts it, and returned if none does, with many in flight", async () => {
  const session = open(topologyFor("outcomes"));
  await session.ready();
  const bodies = Array.from({ length: 200 }, (_, index) => Buffer.from(String(index)));
  const outcomes = bodies.map((body, index) => session.publish("cmc", index % 2 ? "outcomes.a" : "nowhere", body));
  expect(session.inFlight).toBe(200);
  const expected = bodies.map((_, index) => (index % 2 ? "confirmed" : "returned"));
  expect(await Promise.all(outcomes)).toEqual(expected);
  expect(session.inFlight).toBe(0);
});

test("a publish is nacked if the queue refuses it", async () => {
  const session = open(topologyFor("small", { arguments: { "x-max-length": 1, "x-overflow": "reject-publish" } }));
  await session.ready();
  expect(await session.publish("cmc", "small.a", Buffer.from("1"))).toBe("confirmed");
  expect(await session.publish("cmc", "small.a", Buffer.from("2"))).toBe("nacked");
});

test("a message that can never be sent is the caller's error, and breaks nothing", async () => {
  const session = open(topologyFor("outcomes"));
  await session.ready();
  await expect(session.publish("cmc", "é".repeat(128), Buffer.from("x"))).rejects.toThrow(/256 bytes/);
  expect(await session.publish("cmc", "outcomes.a", Buffer.from("x"))).toBe("confirmed");
});

test("publishing to an exchange that does not exist is lost, and the session reconnects", async () => {
  const session = open(topologyFor("outcomes"));
  await session.ready();
  expect(await session.publish("none", "outcomes.a", Buffer.from("x"))).toBe("lost");
  await once(session, "ready");
  expect(await session.publish("cmc", "outcomes.a", Buffer.from("x"))).toBe("confirmed");
});

test("hosts are tried in turn until one answers", async () => {
  const session = open(topologyFor("outcomes"), { hosts: ["127.0.0.1:1", `127.0.0.1:${broker.amqpPort}`] });
  await session.ready();
  expect(session.description).toBe(`connected to 127.0.0.1:${broker.amqpPort}`);
});

test("a wrong password is reported and retried, until the file has the right one", async () => {
  const session = open(topologyFor("outcomes"), { passwordFile: join(folder, "wrong") });
  const [reason] = await once(session, "failed");
  expect(reason).toMatch(/ACCESS_REFUSED|403/);
  expect(session.state).toBe("connecting");
  await writeFile(join(folder, "wrong"), broker.adminPassword);
  await session.ready();
});

test("when the broker is killed, publishes are lost at once, and later queues, subscriptions and publishing work as before", async () => {
  const session = open(topologyFor("reborn"));
  await session.ready();
  const { got, reach } = collect(session, "reborn");
  await session.publish("cmc", "reborn.a", Buffer.from("before"));
  await reach(1);
  const lost = once(session, "lost");
  await broker.kill();
  await lost;
  expect(await session.publish("cmc", "reborn.a", Buffer.from("while away"))).toBe("lost");
  await broker.start();
  await session.ready();
  expect(await session.publish("cmc", "reborn.a", Buffer.from("after"))).toBe("confirmed");
  // Whether the ack of "before" reached the broker before it died decides whether it comes twice.
  await expect.poll(() => got.at(-1)?.body.toString(), { timeout: 60_000 }).toBe("after");
});

test("a broker that stops answering with its sockets open is detected by heartbeats, and found again when it answers", async () => {
  const session = open(topologyFor("silent"), { heartbeatSeconds: 2, connectTimeoutMs: 3000 });
  await session.ready();
  await broker.whileFrozen(async () => {
    const lost = once(session, "lost");
    const outcome = session.publish("cmc", "silent.a", Buffer.from("x"));
    expect(await lost).toEqual(["Heartbeat timeout"]);
    expect(await outcome).toBe("lost");
    expect(await once(session, "failed")).toEqual(["connect ETIMEDOUT"]);
  });
  await session.ready();
  expect(await session.publish("cmc", "silent.a", Buffer.from("y"))).toBe("confirmed");
});

test("an ack after the loss of its connection does nothing: the message is redelivered", async () => {
  const session = open(topologyFor("stale"));
  await session.ready();
  const deliveries: Delivery[] = [];
  let next = Promise.withResolvers<Delivery>();
  session.subscribe({
    queue: "stale",
    prefetch: 5,
    onDelivery: (delivery) => {
      deliveries.push(delivery);
      next.resolve(delivery);
    },
  });
  await session.publish("cmc", "stale.a", Buffer.from("x"));
  const first = await next.promise;
  next = Promise.withResolvers();
  await session.publish("none", "x", Buffer.from("drops the connection"));
  const second = await next.promise;
  expect(first.signal.aborted).toBe(true);
  first.ack();
  expect([second.redelivered, second.signal.aborted]).toEqual([true, false]);
  second.ack();
  // Both have tag 1: had the first ack been sent, this session would have lost its channel by now.
  expect(await session.publish("cmc", "stale.a", Buffer.from("y"))).toBe("confirmed");
  expect(session.state).toBe("ready");
});

/** The next delivery from a queue on each call. */
function receive(session: BrokerSession, queue: string, own: Partial<SubscriptionOptions> = {}) {
  const got: Delivery[] = [];
  let wake = (): void => {};
  let lost = 0;
  const subscription = session.subscribe({
    queue,
    prefetch: 5,
    onDelivery: (delivery) => {
      got.push(delivery);
      wake();
    },
    onLost: () => {
      lost++;
    },
    ...own,
  });
  const next = async (): Promise<Delivery> => {
    while (got.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return got.shift() as Delivery;
  };
  return { subscription, next, lost: () => lost };
}

const send = (session: BrokerSession, key: string, text = "x"): Promise<PublishOutcome> =>
  new Promise((resolve) => session.send("cmc", key, Buffer.from(text), {}, resolve));

test("a publish with a callback is reported once and later, also without a connection; its id begins with the session's", async () => {
  const session = open(topologyFor("calls"));
  expect(await send(session, "calls.a")).toBe("lost");
  await session.ready();
  const order: string[] = [];
  const outcome = new Promise((resolve) => {
    session.send("cmc", "calls.a", Buffer.from("x"), { timestampSeconds: 1_421_777_342 }, (told) => {
      order.push(told);
      resolve(told);
    });
  });
  order.push("sent");
  await outcome;
  expect(order).toEqual(["sent", "confirmed"]);
  expect(() => session.send("cmc", "é".repeat(128), Buffer.from("x"), {}, () => {})).toThrow(/256 bytes/);
  const delivery = await receive(session, "calls").next();
  expect(delivery.timestampSeconds).toBe(1_421_777_342);
  expect(delivery.messageId?.startsWith(`${session.publisherId}-`)).toBe(true);
  delivery.ack();
});

test("a subscription on the publishing channel: cancelling leaves the channel open, unacked deliveries can be settled, and another subscription follows", async () => {
  const session = open(topologyFor("shared"));
  await session.ready();
  const first = receive(session, "shared", { sharesPublishingChannel: true });
  for (const text of ["1", "2"]) expect(await send(session, "shared.a", text)).toBe("confirmed");
  const [one, two] = [await first.next(), await first.next()];
  expect(first.subscription.inFlight).toBe(2);
  await session.unsubscribe(first.subscription);
  expect(first.subscription.inFlight).toBe(2);
  one.ack();
  expect(first.subscription.inFlight).toBe(1);
  two.requeue();
  expect(first.subscription.inFlight).toBe(0);

  const second = receive(session, "shared", { sharesPublishingChannel: true });
  const again = await second.next();
  expect([again.body.toString(), again.redelivered]).toEqual(["2", true]);
  again.ack();
  expect(await send(session, "shared.a", "3")).toBe("confirmed");
  expect((await second.next()).body.toString()).toBe("3");
  expect(session.state).toBe("ready");
  session.disconnect("to see who is notified");
  await once(session, "ready");
  expect([first.lost(), second.lost()]).toEqual([0, 1]);
});

test("a disconnect cuts the connection at once: publishes are lost, deliveries come again, and everything is set up again", async () => {
  const session = open(topologyFor("cut"));
  await session.ready();
  await send(session, "cut.a");
  const receiver = receive(session, "cut", { sharesPublishingChannel: true });
  const first = await receiver.next();
  const outcome = send(session, "cut.a");
  const lost = once(session, "lost");
  session.disconnect("a publish was not confirmed in time");
  expect(await outcome).toBe("lost");
  expect(await lost).toEqual(["a publish was not confirmed in time"]);
  expect([receiver.lost(), first.signal.aborted]).toEqual([1, true]);
  first.ack();
  const second = await receiver.next();
  expect(second.redelivered).toBe(true);
  second.ack();
  expect(await send(session, "cut.a")).toBe("confirmed");
});

test("a disconnect does not wait for a broker that has stopped answering", async () => {
  const session = open(topologyFor("stuck"), { heartbeatSeconds: 30, connectTimeoutMs: 3000 });
  await session.ready();
  await broker.whileFrozen(async () => {
    const lost = once(session, "lost");
    session.disconnect("no confirm");
    await lost;
  });
  await session.ready();
  expect(await send(session, "stuck.a")).toBe("confirmed");
});

test("during an alarm the session reports that the broker accepts no messages; publishes made meanwhile are confirmed afterwards", async () => {
  const session = open(topologyFor("alarm"));
  await session.ready();
  const limit = (text: string) => broker.evaluate(`vm_memory_monitor:set_vm_memory_high_watermark(${text})`);
  const blocked = once(session, "blocked");
  await limit("0.0001");
  try {
    const first = send(session, "alarm.a");
    expect(await blocked).toEqual(["low on memory"]);
    // It may still have accepted the one after which it reported the alarm.
    const second = send(session, "alarm.a");
    expect(session.state).toBe("blocked");
    expect(session.inFlight).toBeGreaterThan(0);
    expect(session.description).toContain("accepts no messages");
    const unblocked = once(session, "unblocked");
    await limit('{absolute, "512MB"}');
    await unblocked;
    expect([await first, await second, session.state]).toEqual(["confirmed", "confirmed", "ready"]);
  } finally {
    await limit('{absolute, "512MB"}');
  }
});

test("what is written in one turn is sent to the broker in one piece", async () => {
  const connection = await connect(broker.url);
  const socket = socketOf(connection);
  if (!socket) throw new Error("this amqplib keeps its socket elsewhere: disconnecting and joined writes need it");
  joinWrites(socket);
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  const writev = vi.spyOn(socket, "_writev" as never) as unknown as MockInstance<(chunks: unknown[]) => void>;
  const outcomes = Array.from(
    { length: 100 },
    () => new Promise((resolve) => channel.sendToQueue(queue, Buffer.from("x"), {}, resolve)),
  );
  expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => null));
  expect(writev.mock.calls.map(([chunks]) => chunks.length)).toEqual([100]);
  await connection.close();
});

test("a channel of its own ends when the connection is lost before the broker has answered its close", {
  timeout: 20_000,
}, async () => {
  const session = open(topologyFor("cut"));
  await session.ready();
  // The connection is cut once the close is sent.
  await session.withChannel(async () => session.disconnect("test"));
  await session.ready();
  expect(await session.withChannel((channel) => channel.checkQueue("cut"))).toMatchObject({ queue: "cut" });
});

test("a dead letter keeps body, key and headers, and gets the reason", async () => {
  const session = open(topologyFor("poison"));
  await session.ready();
  const handle = (): { deadLetter: string } => ({ deadLetter: "no such product" });
  consume({ session, queue: "poison", prefetch: 5, log, agent: "test", handle });
  const { got, reach } = collect(session, "cmc.urp.dead");
  await session.publish("cmc", "poison.a", Buffer.from("body"), { headers: { filename: "f" } });
  await reach(1);
  expect(got[0]).toMatchObject({ routingKey: "poison.a", body: Buffer.from("body") });
  expect(got[0]?.headers).toMatchObject({
    filename: "f",
    "x-dead-reason": "no such product",
    "x-dead-queue": "poison",
  });
});

test("a message whose handler throws is tried three times; then it is dead-lettered, and the next one is handled", async () => {
  const session = open(topologyFor("faulty"));
  await session.ready();
  const dead = collect(session, "cmc.urp.dead");
  const tries: string[] = [];
  const handled = Promise.withResolvers<void>();
  const handle = async ({ body }: Message): Promise<"ack"> => {
    tries.push(body.toString());
    if (body.toString() === "poison") throw new Error(`not with me ${"x".repeat(70_000)}`);
    handled.resolve();
    return "ack";
  };
  consume({ session, queue: "faulty", prefetch: 1, log, agent: "test", handle });
  await session.publish("cmc", "faulty.a", Buffer.from("poison"));
  await session.publish("cmc", "faulty.a", Buffer.from("good"));
  await handled.promise;
  expect(tries).toEqual(["poison", "poison", "poison", "good"]);
  await dead.reach(1);
  const { "x-dead-reason": reason } = dead.got[0]?.headers ?? {};
  expect(reason).toMatch(/^handling it failed 3 times: not with me x+…$/);
  expect(Buffer.byteLength(String(reason))).toBeLessThanOrEqual(1024);
});

test("a message whose handler throws while the consumer is cancelled is requeued", async () => {
  const session = open(topologyFor("cancelled"));
  await session.ready();
  const begun = Promise.withResolvers<void>();
  const handle = async ({ signal }: Message): Promise<"ack"> => {
    begun.resolve();
    await stopped.promise;
    throw new Error(`stopped, ${signal.aborted}`);
  };
  const stopped = Promise.withResolvers<void>();
  const consumer = consume({ session, queue: "cancelled", prefetch: 1, log, agent: "test", handle });
  await session.publish("cmc", "cancelled.a", Buffer.from("x"));
  await begun.promise;
  const cancelled = consumer.cancel();
  stopped.resolve();
  await cancelled;
  const { got, reach } = collect(session, "cancelled");
  await reach(1);
  expect(got[0]).toMatchObject({ body: Buffer.from("x"), redelivered: true });
});

test("cancel waits for what is being handled, and accepts nothing after it", async () => {
  const session = open(topologyFor("ending"));
  await session.ready();
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const handled: string[] = [];
  const handle = async ({ body }: Message): Promise<"ack"> => {
    begun.resolve();
    await finish.promise;
    handled.push(body.toString());
    return "ack";
  };
  const consumer = consume({ session, queue: "ending", prefetch: 1, log, agent: "test", handle });
  await Promise.all(["1", "2"].map((text) => session.publish("cmc", "ending.a", Buffer.from(text))));
  await begun.promise;
  const cancelled = consumer.cancel();
  expect(consumer.inFlight).toBe(1);
  finish.resolve();
  await cancelled;
  expect(handled).toEqual(["1"]);
  const { got, reach } = collect(session, "ending");
  await reach(1);
  expect(got[0]?.body.toString()).toBe("2");
});

test("an alarm that the broker reports during connection set-up is known afterwards", async () => {
  const limit = (text: string) => broker.evaluate(`vm_memory_monitor:set_vm_memory_high_watermark(${text})`);
  await limit("0.0001");
  const session = open(topologyFor("alarm-early"));
  const subscription = session.subscribe({
    queue: "alarm-early",
    prefetch: 1,
    onDelivery: (delivery) => delivery.ack(),
    onLost: () => {},
  });
  // The last step of the set-up, with a publish, which makes the broker report the alarm.
  const openIt = subscription.open.bind(subscription);
  subscription.open = async (...args) => {
    await openIt(...args);
    const blocked = once(session, "blocked");
    void send(session, "alarm-early.a");
    await blocked;
  };
  try {
    await session.ready();
    expect(session.state).toBe("blocked");
    expect(session.description).toContain("accepts no messages: low on memory");
    const unblocked = once(session, "unblocked");
    await limit('{absolute, "512MB"}');
    await unblocked;
    expect(session.state).toBe("ready");
  } finally {
    await limit('{absolute, "512MB"}');
  }
});
