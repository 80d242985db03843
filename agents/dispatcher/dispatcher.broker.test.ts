import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "amqplib";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type LocalBroker, startLocalBroker } from "../../scripts/lib/local-broker.ts";
import { type BrokerSession, openBrokerSession } from "../lib/broker-session.ts";
import { brokerConfig } from "../lib/config.ts";
import { consume } from "../lib/consumer.ts";
import { configSchema } from "./config.ts";
import { topologyOf } from "./topology.ts";

// Not proved here: what a take-over between two hosts repeats, and what survives the loss of a broker node for good.

const pairs = 400;
const log = pino({ level: "silent" });
const topic = "20150120.RADAR.URP.IWA";
let broker: LocalBroker;
let folder: string;
let session: BrokerSession;
let dispatchers: ChildProcess[] = [];
/** How often each product came out, by key. */
const out = new Map<string, number>();
let arrived: () => void = () => {};

beforeAll(async () => {
  broker = await startLocalBroker();
  folder = await mkdtemp(join(tmpdir(), "warren-dispatcher-"));
  await writeFile(join(folder, "password"), broker.adminPassword);
});

afterAll(async () => {
  await broker?.stop();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  out.clear();
  const config = brokerConfig.parse(brokerSettings());
  session = openBrokerSession({ config, log, name: "test", topology: topologyOf(settings()) });
  await session.ready();
  consume({
    session,
    queue: "cmc.urp.pull",
    prefetch: 100,
    log,
    agent: "test",
    handle: ({ body }) => {
      const key = body.toString().slice(0, 32);
      out.set(key, (out.get(key) ?? 0) + 1);
      arrived();
      return "ack";
    },
  });
});

afterEach(async () => {
  for (const dispatcher of dispatchers) {
    if (dispatcher.exitCode === null && dispatcher.signalCode === null) {
      dispatcher.kill("SIGKILL");
      await once(dispatcher, "exit");
    }
  }
  dispatchers = [];
  await session.close();
});

function brokerSettings(): object {
  return { hosts: [`127.0.0.1:${broker.amqpPort}`], user: broker.adminUser, passwordFile: join(folder, "password") };
}

function settings(own: object = {}) {
  return configSchema.parse({ broker: brokerSettings(), metrics: { port: 0 }, ...own });
}

/** A dispatcher as its own process; resolves when it says that it is ready. */
async function startDispatcher(own: object = {}): Promise<ChildProcess> {
  const file = join(folder, "dispatcher.json");
  await writeFile(file, JSON.stringify(settings(own)));
  const dispatcher = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), "--config", file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  dispatchers.push(dispatcher);
  await logged(dispatcher, '"msg":"ready"');
  return dispatcher;
}

function logged(dispatcher: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = "";
    dispatcher.stdout?.on("data", (data: Buffer) => {
      seen += data;
      if (seen.includes(text)) resolve();
    });
    dispatcher.once("exit", () => reject(new Error(`dispatcher ended before it logged ${text}:\n${seen}`)));
  });
}

function announcementOf(urp: 1 | 2, number: number, run: string): { key: string; body: Buffer } {
  const name = `${run}${number}~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META`;
  const key = createHash("md5").update(name).digest("hex");
  const url = `http://urp-${urp}.cmc.ec.gc.ca/ db/20150120/RADAR/URP/IWA/${name}::2015012018090${urp}`;
  return { key, body: Buffer.from(`${key} ${498_080 + urp} ${url}`) };
}

/** Announces as the announcer does: again until the broker has confirmed. */
async function announce(body: Buffer, routingKey = `v00.urp.input.${topic}`): Promise<void> {
  for (;;) {
    await session.ready();
    if ((await session.publish("cmc", routingKey, body)) === "confirmed") return;
  }
}

/** Both radar servers announce every product; `at` runs when half of it is announced. */
async function announcePairs(run: string, at: () => Promise<unknown> = async () => {}): Promise<string[]> {
  const keys: string[] = [];
  const work: Promise<unknown>[] = [];
  for (let number = 0; number < pairs; number++) {
    const first = announcementOf(1, number, run);
    keys.push(first.key);
    work.push(announce(first.body), announce(announcementOf(2, number, run).body));
    if (number === pairs / 2) work.push(at());
    if (number % 20 === 19) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(work);
  return keys;
}

async function allOut(keys: readonly string[]): Promise<void> {
  while (keys.some((key) => !out.has(key))) await new Promise<void>((resolve) => (arrived = resolve));
}

async function end(dispatcher: ChildProcess): Promise<void> {
  const ended = once(dispatcher, "exit");
  dispatcher.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
}

/** Messages in the input queue. Exact once no dispatcher is connected: what one held unacked is back in the queue then. */
async function inputCount(): Promise<number> {
  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  const { messageCount } = await channel.checkQueue("cmc.urp.input");
  await connection.close();
  return messageCount;
}

const repeated = (): number => [...out.values()].filter((times) => times > 1).length;

test("each product that two radar servers announce goes out exactly once, and the input queue ends empty", async () => {
  const dispatcher = await startDispatcher();
  await allOut(await announcePairs("a"));
  await end(dispatcher);
  expect(await inputCount()).toBe(0);
  expect(out.size).toBe(pairs);
  expect(repeated()).toBe(0);
});

test("nothing is lost when the broker is killed in the middle", async () => {
  const dispatcher = await startDispatcher();
  const keys = await announcePairs("b", async () => {
    await broker.kill();
    await broker.start();
  });
  await allOut(keys);
  await end(dispatcher);
  expect(await inputCount()).toBe(0);
});

test("nothing is lost when the dispatcher is killed in the middle and started again", async () => {
  const first = await startDispatcher();
  let second = first;
  const keys = await announcePairs("c", async () => {
    first.kill("SIGKILL");
    await once(first, "exit");
    second = await startDispatcher();
  });
  await allOut(keys);
  await end(second);
  expect(await inputCount()).toBe(0);
});

test("SIGTERM in the middle ends it with exit code 0 after settling what it took, and the next one finds the rest", async () => {
  const first = await startDispatcher();
  const ended = once(first, "exit");
  const keys = await announcePairs("d", async () => first.kill("SIGTERM"));
  expect(await ended).toEqual([0, null]);
  const second = await startDispatcher();
  await allOut(keys);
  await end(second);
  expect(await inputCount()).toBe(0);
});

test("a dispatcher ended in the middle has acked all that it sent on: nothing of it goes out again", async () => {
  const first = await startDispatcher();
  const ended = once(first, "exit");
  const singles = Array.from({ length: pairs }, (_, number) => announcementOf(1, number, "g"));
  const announced = singles.map(({ body }) => announce(body));
  while (out.size < pairs / 4) await new Promise<void>((resolve) => (arrived = resolve));
  first.kill("SIGTERM");
  await Promise.all(announced);
  expect(await ended).toEqual([0, null]);
  const second = await startDispatcher();
  await allOut(singles.map(({ key }) => key));
  await end(second);
  expect(repeated()).toBe(0);
});

test("a host that does not hold the virtual IP takes nothing, one that does takes all", async () => {
  const standby = await startDispatcher({ vip: { address: "192.0.2.1" } });
  const { key, body } = announcementOf(1, 0, "h");
  await announce(body);
  await end(standby);
  expect([await inputCount(), out.size]).toEqual([1, 0]);
  await startDispatcher({ vip: { address: "127.0.0.1" } });
  await allOut([key]);
});

test("what is no announcement is put aside with the reason, and what follows it still goes out", async () => {
  await startDispatcher();
  const aside: { reason: unknown; body: string }[] = [];
  consume({
    session,
    queue: "cmc.urp.dead",
    prefetch: 10,
    log,
    agent: "test",
    handle: ({ headers, body }) => {
      aside.push({ reason: headers["x-dead-reason"], body: body.toString() });
      return "ack";
    },
  });
  const good = announcementOf(1, 0, "e");
  await announce(Buffer.from("not an announcement"));
  await announce(good.body, `v00.urp.input.${"x".repeat(255 - "v00.urp.input.".length)}`);
  await announce(announcementOf(1, 1, "e").body);
  await allOut([announcementOf(1, 1, "e").key]);
  await expect.poll(() => aside.length, { timeout: 5000 }).toBe(2);
  expect(aside).toContainEqual({ reason: expect.stringMatching(/four fields/), body: "not an announcement" });
  expect(aside).toContainEqual({ reason: expect.stringMatching(/256 bytes/), body: good.body.toString() });
});

test("an announcement that no queue takes is kept and goes out when one does", async () => {
  const dispatcher = await startDispatcher({ outputQueues: [], notifyTopic: "v00.test.notify" });
  const refused = logged(dispatcher, "no queue takes the announcement");
  const lonely = announcementOf(1, 0, "f");
  await announce(lonely.body);
  await refused;
  const late = openBrokerSession({
    config: brokerConfig.parse(brokerSettings()),
    log,
    name: "late",
    topology: {
      exchanges: [],
      queues: [{ name: "cmc.urp.pull", bindings: [{ exchange: "cmc", pattern: "v00.test.notify.#" }] }],
    },
  });
  await late.ready();
  await allOut([lonely.key]);
  await late.close();
});
