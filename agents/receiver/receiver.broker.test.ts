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

// Not proved here: what is on disk after a loss of power, only after a kill.

const messagesCount = 2000;
/** On a machine that does nothing else the whole takes 40 s; these are for one that does. */
const waitMs = { timeout: 100_000, interval: 50 };
const heavy = { timeout: 240_000 };
const log = pino({ level: "silent" });

const tests = useAgentTests("receiver");
let session: BrokerSession;
let testsCount = 0;
let ingest: Ingest | undefined;
/** One a test: what a failed one leaves is no other's. */
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

/** As a sender does: resolves when the broker has it, however often it was away meanwhile. */
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

/** Each message is one whole file under its own name, no other file came, and the queue is empty. Answers how many came twice. */
async function expectAllPlaced(ingest: Ingest, agent: TestedAgent): Promise<number> {
  await vi.waitFor(() => expect(ingest.contents.size).toBeGreaterThanOrEqual(messagesCount), waitMs);
  await vi.waitFor(async () => expect(await readyCount()).toBe(0), waitMs);
  // What it has in hand it finishes; what it had not acked would be in the queue again.
  expect(await agent.end()).toEqual([0, null]);
  expect(await readyCount()).toBe(0);
  ingest.take();
  ingest.stop();
  const expected = Array.from({ length: messagesCount }, (_, count) => [nameOf(count), `content ${count}`]);
  expect([...ingest.contents].sort()).toEqual(expected.sort());
  return ingest.repeats;
}

/** Messages that nobody has in hand. */
async function readyCount(): Promise<number> {
  return (await session.withChannel((channel) => channel.checkQueue(queue))).messageCount;
}

const inFolder = (at = tests.folder) => readdirSync(join(at, "rxq")).filter((name) => !name.startsWith("."));

test("the source's example: a sender's message becomes the file that its header names", async () => {
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
  "killed at random moments over 2,000 messages, their files taken meanwhile: none is lost, next to none comes twice",
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
    // Only between a file's name and its line in the log of what is placed, a moment: at most what is in hand.
    expect(repeats).toBeLessThanOrEqual(killed.kills * 50);
    console.info(`receiver killed ${killed.kills} times over ${messagesCount} messages: 0 lost, ${repeats} repeated`);
    expect(inFolder()).toEqual([]);
  },
);

test(
  "with the broker killed and started again nothing is lost, and the receiver goes on by itself",
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

test("messages of other producers, without a name: each gets one of its own, with its key in it", async () => {
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

test("garbage becomes a dead letter with its reason, the rest goes on, and nothing is written outside of the folder", async () => {
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
    [42, "header filename is no text"],
    [["a"], "header filename is no text"],
    [{ deep: { deeper: true } }, "header filename is no text"],
  ];
  for (const [filename] of garbage) await publish("body", { headers: { filename } });
  await publish("x".repeat(1001), { headers: { filename: "large" } });
  await publish(Buffer.from([0, 255, 254]), { headers: { filename: "bytes", other: { a: [1, null] } } });
  await publish("", { headers: { filename: "empty" } });
  await vi.waitFor(() => expect(inFolder().sort()).toEqual(["bytes", "empty"]), waitMs);
  await vi.waitFor(() => expect(dead).toHaveLength(garbage.length + 1), waitMs);
  const reasons = [...garbage.map(([, reason]) => reason), "it has 1001 bytes, at most 1000 are taken"];
  expect(dead.map(({ reason }) => reason).sort()).toEqual(reasons.sort());
  expect(new Set(dead.map(({ agent: who }) => who))).toEqual(new Set(["receiver"]));
  expect(readFileSync(join(tests.folder, "rxq/bytes")).equals(Buffer.from([0, 255, 254]))).toBe(true);
  expect(readdirSync(tests.folder).sort()).toEqual(["password", "receiver.json", "rxq", "state", "taken"]);
  await consumer.cancel();
});

test("a full disk holds messages with a clear word, loses none, and goes on when there is room", async () => {
  // A small disk of its own, in a name space that any user may make: seen from outside below /proc/PID/root.
  const mount = join(tests.folder, "rxq");
  const script = `mount -t tmpfs -o size=1m tmpfs "$0" && head -c 980000 /dev/zero >"$0/.filler" && exec "$@"`;
  const agent = startReceiver({}, ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, mount]);
  const [small, large] = ["s".repeat(100), "l".repeat(200_000)];
  await publish(large, { headers: { filename: "large" } });
  const line = await agent.logged(/takes no files/);
  expect(line.reason).toBe(`the disk of ${mount} is full: make room, then it continues automatically`);
  await publish(small, { headers: { filename: "small" } });
  const inside = `/proc/${agent.pid}/root${tests.folder}`;
  await vi.waitFor(() => expect(inFolder(inside)).toEqual(["small"]), waitMs);
  rmSync(join(inside, "rxq/.filler"));
  await vi.waitFor(() => expect(inFolder(inside).sort()).toEqual(["large", "small"]), waitMs);
  expect(readFileSync(join(inside, "rxq/large"), "utf8")).toBe(large);
  await agent.logged("this host takes files again");
  expect(await agent.end()).toEqual([0, null]);
  expect(await readyCount()).toBe(0);
});

test("an exchange that is not durable, as old programs made theirs, is used as it is", async () => {
  await session.withChannel((channel) => channel.assertExchange("old", "fanout", { durable: false }));
  const agent = startReceiver({ exchange: "old", exchangeType: "fanout", declareExchange: false, bindingKeys: [""] });
  await agent.logged({ event: "ready" });
  expect(await session.publish("old", "any", Buffer.from("x"), { headers: { filename: "a" } })).toBe("confirmed");
  await vi.waitFor(() => expect(inFolder()).toEqual(["a"]), waitMs);
});
