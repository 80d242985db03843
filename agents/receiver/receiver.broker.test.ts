import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useAgentTests } from "../../tests/rigs/agent-tests.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { KilledAgent, type TestedAgent } from "../../tests/rigs/tested-agent.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import { consume } from "../lib/consumer.ts";
import { deadLetterQueue, deadLetterTopology, joinTopologies } from "../lib/topology.ts";
import { Ingest } from "./ingest-fixture.ts";

const chosen = seededChoices();

// Not proved here: what is on disk after a loss of power. The tests only kill processes.

const messagesCount = 2000;
/** On an idle machine all tests take 40 s; the limits are for a busy one. */
const waitMs = { timeout: 100_000, interval: 50 };
const heavy = { timeout: 240_000 };
const log = pino({ level: "silent" });

const tests = useAgentTests("receiver");
let session: BrokerSession;
let testsCount = 0;
let ingest: Ingest | undefined;
/** Each test has its own, so that messages of a failed test don't reach the next. */
let queue: string;

beforeEach(async () => {
  testsCount += 1;
  queue = `cmc.receiver.test-${testsCount}`;
  mkdirSync(join(tests.folder, "rxq"));
  mkdirSync(join(tests.folder, "taken"));
  session = await tests.connect(
    joinTopologies(deadLetterTopology, {
      exchanges: [{ name: "cmc", type: "topic" }],
      queues: [{ name: queue, bindings: [{ exchange: "cmc", pattern: "exp.dd.notify.#" }] }],
    }),
  );
});

afterEach(async () => {
  ingest?.stop();
  ingest = undefined;
  await tests.killAgents();
  await session.withChannel((channel) => channel.deleteQueue(queue));
});

function startReceiver(own: object = {}, before: readonly string[] = []): TestedAgent {
  const config = {
    broker: tests.brokerSettings,
    metrics: { port: 0 },
    exchange: "cmc",
    queue,
    bindingKeys: ["exp.dd.notify.#"],
    receiverQueueDirectory: join(tests.folder, "rxq"),
    retryDelayMaxMs: 200,
    ...own,
  };
  return tests.start(config, { before });
}

interface Own {
  readonly headers?: Record<string, unknown>;
  readonly routingKey?: string;
  readonly messageId?: string;
}

/** Like a sender: resolves when the broker has confirmed it, however often it was down meanwhile. */
async function publish(body: string | Buffer, { headers = {}, routingKey = "exp.dd.notify.radar", messageId }: Own) {
  const id = messageId === undefined ? {} : { messageId };
  for (;;) {
    const outcome = await session.publish("cmc", routingKey, Buffer.from(body), { headers, ...id });
    if (outcome === "confirmed") return;
    await session.ready();
  }
}

const nameOf = (count: number) => `radar.S${count % 7}++${count}.gif:URP:XSS:RADAR:GIF:`;

async function publishAll(): Promise<void> {
  for (let count = 0; count < messagesCount; count += 20) {
    const numbers = Array.from({ length: 20 }, (_, index) => count + index);
    await Promise.all(
      numbers.map((each) =>
        publish(`content ${each}`, { headers: { filename: nameOf(each) }, messageId: `test-${each}` }),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Expects one complete file for each message, no other files, and an empty queue. Returns the number of repeats. */
async function expectAllPlaced(ingest: Ingest, agent: TestedAgent): Promise<number> {
  await vi.waitFor(() => expect(ingest.contents.size).toBeGreaterThanOrEqual(messagesCount), waitMs);
  await vi.waitFor(async () => expect(await readyCount()).toBe(0), waitMs);
  // It finishes messages in flight; unacked ones would be in the queue again.
  expect(await agent.end()).toEqual([0, null]);
  expect(await readyCount()).toBe(0);
  ingest.take();
  ingest.stop();
  const expected = Array.from({ length: messagesCount }, (_, count) => [nameOf(count), `content ${count}`]);
  expect([...ingest.contents].sort()).toEqual(expected.sort());
  return ingest.repeats;
}

/** Messages in the queue that are ready for delivery. */
async function readyCount(): Promise<number> {
  return (await session.withChannel((channel) => channel.checkQueue(queue))).messageCount;
}

const inFolder = (at = tests.folder) => readdirSync(join(at, "rxq")).filter((name) => !name.startsWith("."));

test("the original system's example: a sender's message becomes the file that its header names", async () => {
  const agent = startReceiver();
  const name = "radar.24_HR_ACCUM.GIF.XSS++201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF:";
  const url = "http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif";
  await publish(url, { headers: { filename: name }, routingKey: "exp.dd.notify.radar.24_HR_ACCUM.GIF.XSS" });
  await agent.logged("received");
  expect(inFolder()).toEqual([name]);
  expect(readFileSync(join(tests.folder, "rxq", name), "utf8")).toBe(url);
  expect(await agent.end()).toEqual([0, null]);
  expect(await readyCount()).toBe(0);
});

test(
  "killed at random moments over 2,000 messages while their files are moved away: none is lost, almost none comes twice",
  heavy,
  async () => {
    ingest = new Ingest(tests.folder);
    const killed = new KilledAgent(
      () => startReceiver({ prefetch: 50 }),
      () => 20 + chosen(250),
    );
    await publishAll();
    await vi.waitFor(() => expect(killed.kills).toBeGreaterThan(4), waitMs);
    const last = await killed.end();
    const repeats = await expectAllPlaced(ingest, last);
    // Repeats come only from the moment between naming a file and recording it: at most the messages in flight.
    expect(repeats).toBeLessThanOrEqual(killed.kills * 50);
    console.info(`receiver killed ${killed.kills} times over ${messagesCount} messages: 0 lost, ${repeats} repeated`);
    expect(inFolder()).toEqual([]);
  },
);

test(
  "nothing is lost when the broker is killed and restarted, and the receiver continues by itself",
  heavy,
  async () => {
    ingest = new Ingest(tests.folder);
    const agent = startReceiver();
    await agent.logged({ event: "ready" });
    await tests.broker.keepDeclared();
    const publishing = publishAll();
    await vi.waitFor(() => expect(ingest?.contents.size).toBeGreaterThan(100), waitMs);
    await tests.broker.kill();
    await tests.broker.start();
    await publishing;
    const repeats = await expectAllPlaced(ingest, agent);
    console.info(`broker killed once over ${messagesCount} messages: 0 lost, ${repeats} repeated`);
  },
);

test("each message without a name gets its own, with its key in it", async () => {
  const agent = startReceiver();
  await publish("first", {});
  await publish("second", {});
  await publish("third", { routingKey: "exp.dd.notify.a/b", messageId: "third" });
  const hash = "[0-9a-f]{16}";
  const radar = expect.stringMatching(new RegExp(`^exp\\.dd\\.notify\\.radar\\.${hash}$`));
  const other = expect.stringMatching(new RegExp(`^exp\\.dd\\.notify\\.a_b\\.${hash}$`));
  await vi.waitFor(() => expect(inFolder().sort()).toEqual([other, radar, radar]), waitMs);
  await vi.waitFor(async () => expect(await agent.metric("placed_total")).toBe(3), waitMs);
  expect(await agent.health()).toMatchObject({ agent: "receiver", connected: true, done: 3 });
});

test("garbage is dead-lettered with its reason, other messages are placed, and nothing is written outside the folder", async () => {
  const dead: Record<string, unknown>[] = [];
  const consumer = consume({
    ...{ session, queue: deadLetterQueue, prefetch: 10, log, agent: "test" },
    handle: ({ headers, body }) => {
      dead.push({ reason: headers["x-dead-reason"], agent: headers["x-dead-agent"], body: body.toString() });
      return "ack";
    },
  });
  const agent = startReceiver({ fileBytesMax: 1000 });
  await agent.logged({ event: "ready" });
  const garbage: [unknown, string][] = [
    ["../escaped", "header filename: the file name contains a slash"],
    ["/tmp/escaped", "header filename: the file name contains a slash"],
    ["..", "header filename: the file name starts with a dot, which marks unfinished files"],
    [".lock", "header filename: the file name starts with a dot, which marks unfinished files"],
    ["nul\0.gif", "header filename: the file name contains a control character"],
    ["line\nbreak", "header filename: the file name contains a control character"],
    ["x".repeat(256), "header filename: the file name has 256 bytes, but a file system accepts at most 255"],
    ["work.tmp", "header filename: the file name ends in .tmp, which marks unfinished files"],
    ["", "header filename: the product has no file name"],
    [42, "header filename is not text"],
    [["a"], "header filename is not text"],
    [{ deep: { deeper: true } }, "header filename is not text"],
  ];
  for (const [filename] of garbage) await publish("body", { headers: { filename } });
  await publish("x".repeat(1001), { headers: { filename: "large" } });
  await publish(Buffer.from([0, 255, 254]), { headers: { filename: "bytes", other: { a: [1, null] } } });
  await publish("", { headers: { filename: "empty" } });
  await vi.waitFor(() => expect(inFolder().sort()).toEqual(["bytes", "empty"]), waitMs);
  await vi.waitFor(() => expect(dead).toHaveLength(garbage.length + 1), waitMs);
  const reasons = [...garbage.map(([, reason]) => reason), "it has 1001 bytes, more than fileBytesMax, 1000"];
  expect(dead.map(({ reason }) => reason).sort()).toEqual(reasons.sort());
  expect(new Set(dead.map(({ agent: who }) => who))).toEqual(new Set(["receiver"]));
  expect(readFileSync(join(tests.folder, "rxq/bytes")).equals(Buffer.from([0, 255, 254]))).toBe(true);
  expect(readdirSync(tests.folder).sort()).toEqual(["password", "receiver.json", "rxq", "state", "taken"]);
  await consumer.cancel();
});

test("with a full disk messages wait, with a clear message; none is lost, and they are placed when there is room", async () => {
  // A small disk in a user namespace, which needs no privileges. Outside it is visible below /proc/PID/root.
  const mount = join(tests.folder, "rxq");
  const script = `mount -t tmpfs -o size=1m tmpfs "$0" && head -c 980000 /dev/zero >"$0/.filler" && exec "$@"`;
  const agent = startReceiver({}, ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, mount]);
  const [small, large] = ["s".repeat(100), "l".repeat(200_000)];
  await publish(large, { headers: { filename: "large" } });
  const line = await agent.logged(/can't write files/);
  expect(line.reason).toBe(`the disk of ${mount} is full: make room, then it continues automatically`);
  await publish(small, { headers: { filename: "small" } });
  const inside = `/proc/${agent.pid}/root${tests.folder}`;
  await vi.waitFor(() => expect(inFolder(inside)).toEqual(["small"]), waitMs);
  rmSync(join(inside, "rxq/.filler"));
  await vi.waitFor(() => expect(inFolder(inside).sort()).toEqual(["large", "small"]), waitMs);
  expect(readFileSync(join(inside, "rxq/large"), "utf8")).toBe(large);
  await agent.logged("this host can write files again");
  expect(await agent.end()).toEqual([0, null]);
  expect(await readyCount()).toBe(0);
});

test("a non-durable exchange, as older programs declared it, is used as it is", async () => {
  await session.withChannel((channel) => channel.assertExchange("old", "fanout", { durable: false }));
  const agent = startReceiver({ exchange: "old", exchangeType: "fanout", declareExchange: false, bindingKeys: [""] });
  await agent.logged({ event: "ready" });
  expect(await session.publish("old", "any", Buffer.from("x"), { headers: { filename: "a" } })).toBe("confirmed");
  await vi.waitFor(() => expect(inFolder()).toEqual(["a"]), waitMs);
});
