import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChannelModel, type ConfirmChannel, connect, type GetMessage } from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { deadLetterExchange, deadLetterQueue } from "../../../agents/lib/topology.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { managementOf } from "../../../infra/observe/management.ts";
import { sharedBroker } from "../../../tests/rigs/shared-broker.ts";
import { readLog } from "../../engine/stack-log.ts";
import { headQuestion } from "../../inspect/snapshot/ask-broker.ts";
import { parseHead } from "../../inspect/snapshot/queue-head.ts";
import type { LocalBroker } from "../../traffic/local-broker.ts";
import { DeadQueue } from "./dead-queue.ts";
import { planSettle, type SettleVerb, settleAll } from "./do.ts";
import type { Selection } from "./select.ts";
import { dropIt, refusalsOf, replayBy, settle, survey } from "./settle.ts";

// Uses a real broker. The connection through ssh is tested in the lab: tests/acceptance/dead-letters.ts.

const origin = "cmc";
const work = "cmc.work";
/** An exchange to which clients may not publish. */
const internal = "cmc.internal";
const passing = "cmc.passing";
const bunny = { broker: "bunny", origins: new Set([origin, "gone", internal, passing, "x".repeat(300)]) };
let broker: LocalBroker;
let folder: string;
let model: ChannelModel;
let channel: ConfirmChannel;
let queue: DeadQueue;

beforeAll(async () => {
  broker = await sharedBroker();
  folder = await mkdtemp(join(tmpdir(), "warren-dead-letters-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});
/** The test's own connection. */
async function connectTest(): Promise<void> {
  model = await connect(broker.url);
  // Errors of a broker that is killed.
  model.on("error", () => {});
  channel = await model.createConfirmChannel();
  channel.on("error", () => {});
}
beforeEach(async () => {
  await connectTest();
  await channel.assertExchange(deadLetterExchange, "topic", { durable: true });
  await channel.assertExchange(origin, "topic", { durable: true });
  for (const [name, exchange, pattern] of [
    [deadLetterQueue, deadLetterExchange, "#"],
    [work, origin, "v00.#"],
  ] as const) {
    await channel.assertQueue(name, { durable: true });
    await channel.bindQueue(name, exchange, pattern);
    await channel.purgeQueue(name);
  }
  queue = await open();
});
afterEach(async () => {
  await queue.close();
  await model.close();
});

async function open(): Promise<DeadQueue> {
  const login = { name: broker.adminUser, password: broker.adminPassword };
  const found = await DeadQueue.open(bunny, { port: broker.amqpPort }, login);
  if (!found) throw new Error("there is no dead-letter queue");
  return found;
}

const why = (agent = "dispatcher", reason = "four fields") => ({
  ...{ "x-dead-agent": agent, "x-dead-reason": reason, "x-dead-queue": "cmc.urp.input", "x-dead-exchange": origin },
});

/** Dead-letters a message as an agent does; the properties are the message's own. */
async function die(
  body: string | Buffer,
  headers: object = why(),
  properties: object = {},
  key = "v00.a",
): Promise<void> {
  channel.publish(deadLetterExchange, key, Buffer.from(body), {
    persistent: true,
    headers: { ...headers },
    ...properties,
  });
  await channel.waitForConfirms();
}

async function all(name: string): Promise<GetMessage[]> {
  const found: GetMessage[] = [];
  for (;;) {
    const message = await channel.get(name, { noAck: true });
    if (!message) return found;
    found.push(message);
  }
}
const bodiesIn = async (name: string) => (await all(name)).map(({ content }) => content.toString());

async function run(verb: SettleVerb, selection: Selection) {
  const surveys = [await survey(queue, selection, 1000)];
  const logFile = join(folder, "log.jsonl");
  const task = { verb, stack: "test", selection, surveys, queues: [queue], logFile };
  return settleAll(task, await planSettle(task), never);
}
const never = new AbortController().signal;

describe("a survey", () => {
  it("leaves all messages in order, and counts them", async () => {
    for (const body of ["1", "2", "3"]) await die(body);
    expect(await survey(queue, {}, 2)).toMatchObject({ seen: 2, of: 3 });
    expect((await survey(queue, {}, 100)).letters.map(({ bodyStart }) => bodyStart.toString())).toEqual([
      "1",
      "2",
      "3",
    ]);
    expect(await bodiesIn(deadLetterQueue)).toEqual(["1", "2", "3"]);
  });

  it("reads messages that others published, whatever they contain", async () => {
    let deep: object = { end: true };
    for (let level = 0; level < 100; level++) deep = { deep };
    await die(Buffer.from([0, 255, 27]), {
      deep,
      list: [1, [2, [3]]],
      bytes: Buffer.from([27]),
      "x-dead-agent": { not: "a text" },
    });
    await die("", {});
    await die(Buffer.alloc(3 << 20, "x"), { long: "v".repeat(60_000) });
    await die("\u001b[2J", why("\u001b[2J", "\u009b"));
    const { letters, seen } = await survey(queue, {}, 100);
    expect(seen).toBe(4);
    expect(letters.map(({ agent }) => agent)).toEqual([undefined, undefined, undefined, "\u001b[2J"]);
  });

  it("accepts an empty queue", async () => {
    expect(await survey(queue, {}, 10)).toEqual({ broker: "bunny", letters: [], seen: 0, of: 0 });
  });

  it("finds no queue on a broker without one", async () => {
    await channel.deleteQueue(deadLetterQueue);
    const login = { name: broker.adminUser, password: broker.adminPassword };
    expect(await DeadQueue.open(bunny, { port: broker.amqpPort }, login)).toBeUndefined();
  });

  it("reports why a broker refuses the login", async () => {
    const login = { name: broker.adminUser, password: "wrong" };
    await expect(DeadQueue.open(bunny, { port: broker.amqpPort }, login)).rejects.toThrow(/ACCESS_REFUSED|403/);
  });
});

describe("verify", () => {
  it("reads the head of a queue through the management API, and leaves it there", async () => {
    await die("\u001b[31mred", { "a\u001b": "x".repeat(50) }, {}, "v00.first");
    await die("second");
    const [fixture] = clusterModels(fixtureConfig());
    if (!fixture) throw new Error("no cluster");
    const management = { scheme: "http", port: Number(new URL(broker.managementUrl).port) } as const;
    const administrator = { name: broker.adminUser, password: broker.adminPassword };
    const api = managementOf({ ...fixture, management, administrator }, "127.0.0.1", undefined);
    try {
      // The management API starts a little later than AMQP.
      const ask = () => api.ask(`queues/%2F/${deadLetterQueue}/get`, headQuestion);
      const head = parseHead(await vi.waitFor(ask, { timeout: 60_000, interval: 200 }));
      expect(head).toMatchObject({ routingKey: "v00.first", bodyBytes: 8, body: "\\x1b[31mred" });
      expect(head?.headers).toEqual([{ name: "a\\x1b", bytes: 52 }]);
    } finally {
      api.close();
    }
    expect(await bodiesIn(deadLetterQueue)).toEqual(["\u001b[31mred", "second"]);
  }, 90_000);
});

describe("replay", () => {
  it("publishes a message as it was: exchange, key, body, its own headers, time and type", async () => {
    await die(
      "b",
      { filename: "f", n: 7, "x-warren-again": "1", ...why() },
      { timestamp: 1_700_000_000, contentType: "text/plain" },
      "v00.x",
    );
    await die("other", why("puller"));
    const { results, exitCode } = await run("replay", { agent: "dispatcher" });
    expect({ exitCode, done: results.done.length }).toEqual({ exitCode: 0, done: 1 });
    const [message] = await all(work);
    expect(message?.fields).toMatchObject({ exchange: origin, routingKey: "v00.x" });
    expect(message?.content.toString()).toBe("b");
    expect(message?.properties).toMatchObject({
      ...{
        timestamp: 1_700_000_000,
        contentType: "text/plain",
        deliveryMode: 2,
        headers: { filename: "f", n: 7, "x-warren-again": "1" },
      },
    });
    expect(Object.keys(message?.properties.headers ?? {})).toHaveLength(3);
    expect(await bodiesIn(deadLetterQueue)).toEqual(["other"]);
  });

  it("leaves messages that can't be replayed, and reports why for each", async () => {
    await die("no origin", {});
    await die("no exchange", { ...why(), "x-dead-exchange": "gone" });
    await die("no queue", why(), {}, "v02.nobody");
    await die("long key", { ...why(), "x-dead-key": "k".repeat(300) });
    await die("good");
    const { results, exitCode, text } = await run("replay", {});
    expect(exitCode).toBe(2);
    expect(results.done).toHaveLength(1);
    // Refusals by the broker come after those that are found locally.
    expect(results.refused.map((one) => one.why)).toEqual([
      expect.stringContaining("x-dead-exchange"),
      "there is no exchange gone",
      expect.stringContaining("300 bytes"),
      "no queue there is bound for it",
    ]);
    expect(text).toMatch(/^replayed: 1\nstays: /);
    expect(await bodiesIn(deadLetterQueue)).toEqual(["no origin", "no exchange", "no queue", "long key"]);
    expect(await bodiesIn(work)).toEqual(["good"]);
  });

  it("publishes nothing to exchanges and queues that a forged letter names", async () => {
    const target = "victim";
    await channel.assertQueue(target, { durable: true });
    await channel.bindQueue(target, "amq.topic", "#");
    try {
      await die("to a queue", { ...why(), "x-dead-exchange": "", "x-dead-key": target });
      await die("to amq.topic", { ...why(), "x-dead-exchange": "amq.topic" });
      await die("good");
      const { letters } = await survey(queue, {}, 100);
      const { results, text } = await run("replay", {});
      expect(results.done).toHaveLength(1);
      expect(text).toMatch(/the default exchange is not an exchange that agents of this stack read/);
      expect(text).toMatch(/amq\.topic is not an exchange that agents of this stack read/);
      // Even without the check before.
      const ids = letters.map(({ id }) => id);
      const { done, refused } = await settle(queue, ids, { act: replayBy(queue), signal: never });
      expect({ done, refused: refused.length }).toEqual({ done: [], refused: 2 });
      expect(await bodiesIn(target)).toEqual([]);
      expect(await bodiesIn(deadLetterQueue)).toEqual(["to a queue", "to amq.topic"]);
    } finally {
      await channel.deleteQueue(target);
    }
  });

  it("continues after each letter that makes the broker close the channel", async () => {
    await channel.assertExchange(internal, "topic", { durable: true, internal: true });
    await channel.assertExchange(passing, "topic", { durable: true });
    const bad = { ...why(), "x-dead-exchange": internal };
    for (const body of ["1", "2", "3"]) {
      await die(`bad ${body}`, bad);
      await die(body);
    }
    await die("long", { ...why(), "x-dead-exchange": "x".repeat(300) });
    await die("passing", { ...why(), "x-dead-exchange": passing });
    const surveys = [await survey(queue, {}, 100)];
    expect((await refusalsOf(queue, surveys[0]?.letters ?? [])).map((one) => one.why)).toEqual([
      expect.stringContaining("300 bytes"),
    ]);
    await channel.deleteExchange(passing);
    const ids = surveys.flatMap(({ letters }) => letters.map(({ id }) => id));
    const { done, refused, fault, left } = await settle(queue, ids, { act: replayBy(queue), signal: never });
    expect({ done: done.length, fault, left }).toEqual({ done: 3, fault: undefined, left: 0 });
    const reasons = refused.map((one) => one.why);
    expect(reasons.filter((one) => /internal exchange '?cmc\.internal/.test(one))).toHaveLength(3);
    expect(reasons.filter((one) => /no exchange 'cmc\.passing'/.test(one))).toHaveLength(1);
    expect(new Set(await bodiesIn(work))).toEqual(new Set(["1", "2", "3"]));
    expect(await bodiesIn(deadLetterQueue)).toEqual(["bad 1", "bad 2", "bad 3", "long", "passing"]);
    await channel.deleteExchange(internal);
  });

  it("leaves a message in both queues if it is killed between the broker's confirm and its own ack", async () => {
    for (const body of ["1", "2", "3"]) await die(body);
    const { letters } = await survey(queue, {}, 100);
    let confirmed = 0;
    const onDone = () => {
      confirmed++;
      if (confirmed === 1) queue.cut("killed");
    };
    const broken = await settle(
      queue,
      letters.map(({ id }) => id),
      { act: replayBy(queue), signal: never, onDone },
    );
    expect(broken.fault).toMatch(/killed/);
    queue = await open();
    const left = await survey(queue, {}, 100);
    expect(left.letters).toHaveLength(3);
    expect((await run("replay", {})).results.done).toHaveLength(3);
    // At least once: nothing is lost.
    expect(new Set(await bodiesIn(work))).toEqual(new Set(["1", "2", "3"]));
    expect(await bodiesIn(deadLetterQueue)).toEqual([]);
  });

  it("starts no other message after a Ctrl-C, and finishes those in flight in order", async () => {
    for (const body of ["1", "2", "3"]) await die(body);
    const { letters } = await survey(queue, {}, 100);
    const ending = new AbortController();
    const act = (delivery: Parameters<ReturnType<typeof replayBy>>[0]) => {
      ending.abort();
      return replayBy(queue)(delivery);
    };
    const ended = await settle(
      queue,
      letters.map(({ id }) => id),
      { act, signal: ending.signal },
    );
    expect(ended).toMatchObject({ done: [letters[0]?.id], refused: [], left: 2 });
    expect(await bodiesIn(work)).toEqual(["1"]);
    expect(await bodiesIn(deadLetterQueue)).toEqual(["2", "3"]);
  });

  it("loses nothing if the broker is killed meanwhile", async () => {
    for (let number = 0; number < 50; number++) await die(String(number));
    const { letters } = await survey(queue, {}, 100);
    let confirmed = 0;
    let killed: Promise<void> | undefined;
    const onDone = () => {
      confirmed++;
      if (confirmed === 5) killed = broker.kill();
    };
    const broken = await settle(
      queue,
      letters.map(({ id }) => id),
      { act: replayBy(queue), signal: never, onDone },
    );
    expect(broken.done.length + broken.refused.length + broken.left).toBe(50);
    await killed;
    await broker.start();
    await connectTest();
    const there = new Set([...(await bodiesIn(work)), ...(await bodiesIn(deadLetterQueue))]);
    expect(there.size).toBe(50);
    queue = await open();
  }, 120_000);
});

describe("drop", () => {
  it("removes the selected messages, and no others", async () => {
    for (const body of ["first", "second", "third"]) await die(body);
    const { results, exitCode } = await run("drop", { match: "second" });
    expect({ exitCode, done: results.done.length }).toEqual({ exitCode: 0, done: 1 });
    expect(await bodiesIn(work)).toEqual([]);
    expect(await bodiesIn(deadLetterQueue)).toEqual(["first", "third"]);
  });

  it("removes one of two equal messages if one was found", async () => {
    await die("twin");
    await die("twin");
    const { letters } = await survey(queue, {}, 1);
    const { done } = await settle(
      queue,
      letters.map(({ id }) => id),
      { act: dropIt, signal: never },
    );
    expect(done).toHaveLength(1);
    expect(await bodiesIn(deadLetterQueue)).toEqual(["twin"]);
  });

  it("reports messages that another consumer has removed meanwhile", async () => {
    await die("1");
    const surveys = [await survey(queue, {}, 10)];
    await channel.purgeQueue(deadLetterQueue);
    const task = { verb: "drop" as const, stack: "test", selection: {}, surveys, queues: [queue] };
    const logFile = join(folder, "gone.jsonl");
    const { results, exitCode } = await settleAll({ ...task, logFile }, await planSettle(task), never);
    expect({ gone: results.gone, exitCode }).toEqual({ gone: 1, exitCode: 2 });
  });

  it("removes messages that no agent dead-lettered, which replay refuses", async () => {
    await die("stranger", {});
    expect(await refusalsOf(queue, (await survey(queue, {}, 10)).letters)).toHaveLength(1);
    expect((await run("drop", { agent: "unknown" })).results.done).toHaveLength(1);
  });

  it("is logged before and after: who, when, what, how many", async () => {
    await die("gone for good", why("puller", "404"));
    const { logFile = "" } = await run("drop", { agent: "puller" });
    const lines = (await readLog<Record<string, unknown>>(logFile)).slice(-2);
    expect(lines).toMatchObject([
      {
        ...{ at: expect.stringMatching(/Z$/), by: expect.any(String), verb: "dead drop", event: "begun" },
        ...{ selection: { agent: "puller" }, letters: [{ agent: "puller", reason: "404", body: "gone for good" }] },
      },
      { verb: "dead drop", event: "ended", dropped: 1, left: 0 },
    ]);
  });
});
