import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { beforeEach, expect, test, vi } from "vitest";
import { useAgentTests } from "../../tests/rigs/agent-tests.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { KilledAgent, type TestedAgent } from "../../tests/rigs/tested-agent.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import { consume } from "../lib/consumer.ts";

const chosen = seededChoices();

// Not proved here: what is sent after a loss of power. The tests only kill processes.

const filesCount = 2000;
/** On an idle machine all tests take half a minute; the limits are for a busy one. */
const waitMs = { timeout: 100_000, interval: 50 };
const heavy = { timeout: 240_000 };
const log = pino({ level: "silent" });

interface Received {
  readonly routingKey: string;
  readonly body: string;
  readonly filename: unknown;
  readonly again: boolean;
}

const tests = useAgentTests("sender");
let session: BrokerSession;
let received: Received[] = [];
let testsCount = 0;
/** Each test has its own, so that late messages of one test don't reach the next. */
let [exchange, queue] = ["", ""];

beforeEach(async () => {
  testsCount += 1;
  [exchange, queue] = [`cmc-${testsCount}`, `client-${testsCount}`];
  for (const priority of [1, 3]) mkdirSync(join(tests.folder, `txq/${priority}/new`), { recursive: true });
  received = [];
  const messageIds = new Set<string | undefined>();
  session = await tests.connect({
    exchanges: [{ name: exchange, type: "topic" }],
    queues: [{ name: queue, bindings: [{ exchange, pattern: "exp.dd.notify.#" }] }],
  });
  consume({
    ...{ session, queue, prefetch: 200, log, agent: "test" },
    handle: ({ routingKey, body, headers, marks, messageId }) => {
      // A broker that was killed redelivers unacked messages: they count once.
      if (messageIds.size === messageIds.add(messageId).size) return "ack";
      const again = marks.again === true;
      received.push({ routingKey, body: body.toString(), filename: headers.filename, again });
      return "ack";
    },
  });
});

function startSender(own: object = {}, process: { fileSizeMax?: number } = {}): TestedAgent {
  const config = {
    broker: tests.brokerSettings,
    metrics: { port: 0 },
    queueDirectory: join(tests.folder, "txq"),
    rules: [{ reject: "^ensemble.naefs.grib2.raw.*" }, { accept: "^(.*)\\+\\+.*" }],
    exchange,
    exchangeKey: "exp.dd.notify.$".concat("{0}"),
    validation: false,
    noDuplicates: false,
    retryDelayMaxMs: 500,
    ...own,
  };
  return tests.start(config, process);
}

/** Like other writers of a txq: writes under a name with a dot, then renames. */
function put(name: string, content: string, priority = 3): void {
  const path = join(tests.folder, `txq/${priority}/new`);
  writeFileSync(join(path, `.${name}`), content);
  renameSync(join(path, `.${name}`), join(path, name));
}

const left = () => [1, 3].flatMap((priority) => readdirSync(join(tests.folder, `txq/${priority}/new`)));
const nameOf = (count: number) => `radar.S${count % 7}++${count}.gif:URP:XSS:RADAR:GIF::20130606144709`;

/** Puts these files, a few at a time, so that something can happen meanwhile. */
async function putAll(upTo = filesCount): Promise<void> {
  for (let count = 0; count < upTo; count += 1) {
    put(nameOf(count), `content ${count}`);
    if (count % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Expects a message for each file. Repeats must be marked. Returns the number of repeats. */
async function expectAllReceived(): Promise<number> {
  await vi.waitFor(() => expect(left()).toEqual([]), waitMs);
  await vi.waitFor(() => expect(new Set(received.map(({ body }) => body)).size).toBe(filesCount), waitMs);
  const first = new Set<string>();
  const unmarked = received.filter(({ body, again }) => !again && first.size === first.add(body).size);
  expect(unmarked).toEqual([]);
  for (const { body, routingKey, filename } of received) {
    const count = Number(body.slice("content ".length));
    expect(routingKey).toBe(`exp.dd.notify.radar.S${count % 7}`);
    expect(filename).toBe(`radar.S${count % 7}++${count}.gif:URP:XSS:RADAR:GIF:`);
  }
  return received.length - filesCount;
}

test("the original system's example: its key, body and log line byte for byte, and the file is gone", async () => {
  const agent = startSender();
  const name = "radar.24_HR_ACCUM.GIF.XSS++201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF::20130606144709";
  const url = "http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif";
  put("ensemble.naefs.grib2.raw.x++y", "rejected");
  put(name, url);
  const line = await agent.logged({ event: "delivered" });
  const words = `(86 Bytes) Message ${name}  delivered (lat=`;
  expect(line.msg?.slice(0, words.length)).toBe(words);
  expect(line.msg?.slice(words.length)).toMatch(/^\d+\.\d{6},speed=\d+\.\d{6}\)$/);
  await vi.waitFor(() => expect(received).toHaveLength(1), waitMs);
  const routingKey = "exp.dd.notify.radar.24_HR_ACCUM.GIF.XSS";
  expect(received).toEqual([
    { routingKey, body: url, filename: name.slice(0, -":20130606144709".length), again: false },
  ]);
  expect(left()).toEqual([]);
  expect(await agent.end()).toEqual([0, null]);
});

test("files with a higher priority are sent first, and those with the same priority by time", async () => {
  const stamped = (name: string, second: number) => `${name}++x:A:B:C:D::2013060614470${second}`;
  for (const second of [3, 1, 2]) put(stamped("low", second), `low ${second}`);
  put(stamped("high", 9), "high 9", 1);
  startSender({ settleMs: 0 });
  await vi.waitFor(() => expect(received).toHaveLength(4), waitMs);
  expect(received.map(({ body }) => body)).toEqual(["high 9", "low 1", "low 2", "low 3"]);
});

test("killed at random moments over 2,000 files: nothing is lost, and repeats are marked", heavy, async () => {
  const killed = new KilledAgent(
    () => startSender({ batch: 50 }),
    () => 20 + chosen(250),
  );
  await putAll(filesCount - 1);
  await vi.waitFor(() => expect(killed.kills).toBeGreaterThan(4), waitMs);
  const last = await killed.end();
  // Makes sure that one file is left for the last process.
  put(nameOf(filesCount - 1), `content ${filesCount - 1}`);
  const repeats = await expectAllReceived();
  expect(repeats).toBeLessThan(killed.kills * 50);
  console.info(
    `sender killed ${killed.kills} times over ${filesCount} files: 0 lost, ${repeats} repeated, each marked`,
  );
  expect(await last.metric("delivered_total")).toBeGreaterThan(0);
});

test("nothing is lost when the broker is killed and restarted", heavy, async () => {
  const agent = startSender();
  await agent.logged({ event: "ready" });
  await tests.broker.keepDeclared();
  const putting = putAll();
  await vi.waitFor(() => expect(received.length).toBeGreaterThan(100), waitMs);
  await tests.broker.kill();
  await tests.broker.start();
  await putting;
  await expectAllReceived();
});

test("files that can't be sent are set aside with the reason, duplicates are dropped, and the agent keeps running", async () => {
  const agent = startSender({ noDuplicates: true, emptySettleMs: 100, fileBytesMax: 1000 });
  await agent.logged({ event: "ready" });
  put("a++empty", "");
  put("a++large", "x".repeat(1001));
  put(`${"é".repeat(122)}++x`, "key of 258 bytes");
  put("a++line\nbreak", "x");
  await agent.logged("file set aside");
  put("a++1", "twice");
  await vi.waitFor(() => expect(received).toHaveLength(1), waitMs);
  put("a++2", "twice");
  await agent.logged(/same content was sent before/);
  expect(await agent.health()).toMatchObject({ agent: "sender", connectionTo: "broker", connected: true, setAside: 4 });
  put("a++3", "end");
  await vi.waitFor(() => expect(received.map(({ body }) => body)).toEqual(["twice", "end"]), waitMs);
  await vi.waitFor(() => expect(left()).toEqual([]), waitMs);
  const aside = join(tests.folder, "txq/.aside");
  const notes = readdirSync(aside)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(aside, name), "utf8")));
  expect(Object.fromEntries(notes.map(({ name, reason }) => [name.slice(0, 8), reason]))).toEqual({
    "a++empty": "it is empty",
    "a++large": "it has 1001 bytes, more than fileBytesMax, 1000",
    éééééééé: "its routing key would have 258 bytes, at most 255 fit",
    "a++line\n": "its name has a control character",
  });
});

test("a full disk doesn't prevent sending; files to be set aside wait until there is room", async () => {
  const agent = startSender({ emptySettleMs: 0 }, { fileSizeMax: 0 });
  put("a++empty", "");
  await agent.logged(/can't process all files of the txq/);
  put("a++1", "sent anyway");
  await vi.waitFor(() => expect(received).toHaveLength(1), waitMs);
  await vi.waitFor(() => expect(left()).toEqual(["a++empty"]), waitMs);
  agent.roomForFiles();
  await agent.logged("all files of the txq can be processed again");
  await vi.waitFor(() => expect(left()).toEqual([]), waitMs);
});

test("a non-durable exchange, as older programs declared it, is used as it is", async () => {
  await session.withChannel(async (channel) => {
    await channel.assertExchange("old", "fanout", { durable: false });
    await channel.bindQueue(queue, "old", "");
  });
  startSender({ exchange: "old", exchangeType: "fanout", declareExchange: false });
  put("a++1", "content");
  await vi.waitFor(() => expect(received.map(({ body }) => body)).toEqual(["content"]), waitMs);
});
