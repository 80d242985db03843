import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";

const queue = "q_anonymous.test.radar";
const topic = "exp.dd.notify.radar.XSS";
const client = join(import.meta.dirname, "client.ts");

let broker: LocalBroker;
let server: Server;
let base: string;
let folder: string;
let connection: ChannelModel;
let channel: ConfirmChannel;
let clients: ChildProcess[] = [];
/** Awaited before each answer; it may send the answer itself. */
let beforeAnswer: (response: ServerResponse) => void | Promise<void> = () => {};

beforeAll(async () => {
  broker = await sharedBroker();
  server = createServer(async (request, response) => {
    await beforeAnswer(response);
    if (response.writableEnded) return;
    if (request.url?.startsWith("/gone")) response.writeHead(404);
    response.end(`content of ${request.url}`);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  connection = await connect(broker.url);
  channel = await connection.createConfirmChannel();
  await channel.assertExchange("cmc", "topic", { durable: true });
});

afterAll(async () => {
  await connection?.close();
  server?.close();
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-subscriber-"));
});

afterEach(async () => {
  await Promise.all(clients.map(kill));
  clients = [];
  beforeAnswer = () => {};
  await channel.deleteQueue(queue);
  rmSync(folder, { recursive: true });
});

/** Resolves when the client listens. */
async function start(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [client, queue, "cmc", "exp.dd.notify.radar.#", folder], {
    env: { ...process.env, BROKER_URL: broker.url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  clients.push(child);
  await line(child, /^listening/);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function line(child: ChildProcess, wanted: RegExp, from: "stdout" | "stderr" = "stdout"): Promise<void> {
  for await (const text of createInterface({ input: child[from] as NodeJS.ReadableStream })) {
    if (wanted.test(text)) return;
  }
  throw new Error(`the client ended before it printed ${wanted}`);
}

async function announce(...bodies: string[]): Promise<void> {
  for (const body of bodies) channel.publish("cmc", topic, Buffer.from(body), { persistent: true });
  await channel.waitForConfirms();
}

const names = (from: number, count: number) => Array.from({ length: count }, (_, index) => `p${from + index}:URP:XSS`);
const files = () => readdirSync(folder).filter((name) => !name.endsWith(".part"));
const waiting = async () => (await channel.checkQueue(queue)).messageCount;

test("announcements wait while it is down, and those in flight when it was killed are redelivered", async () => {
  const first = await start();
  const asked = Promise.withResolvers<void>();
  // It is killed with five products in flight.
  let answered = 0;
  beforeAnswer = () => {
    answered += 1;
    if (answered <= 20) return;
    asked.resolve();
    return new Promise(() => {});
  };
  await announce(...names(0, 50).map((name) => `${base}radar/XSS/${name}`));
  await asked.promise;
  await kill(first);
  beforeAnswer = () => {};
  await announce(...names(50, 50).map((name) => `${base}radar/XSS/${name}`));

  await start();
  await expect.poll(() => files().length, { timeout: 20_000 }).toBe(100);
  for (const name of names(0, 100)) {
    expect(readFileSync(join(folder, name), "utf8")).toBe(`content of /radar/XSS/${name}`);
  }
});

test("it reads every format, and skips products that are gone and messages that are no announcement", async () => {
  const child = await start();
  const printed = Promise.all([line(child, /^gone/), line(child, /^no announcement: "garbage"/, "stderr")]);
  const v03 = { pubTime: "20150120T180902.5", baseUrl: base, relPath: "radar/XSS/v03 name" };
  await announce(
    "garbage",
    "{",
    "",
    `${base}gone/product`,
    `${base}radar/XSS/exp\n`,
    `20150120180902.500 ${base} radar/XSS/v02`,
    `a985c32cbdee8af2ab5d7b8f6022e781 498081 ${base} radar/XSS/v00`,
    JSON.stringify(v03),
    `${base}a/..%2f..%2fsafe`,
  );
  await printed;
  await expect
    .poll(() => files().sort(), { timeout: 20_000 })
    .toEqual(["..%2f..%2fsafe", "exp", "v00", "v02", "v03%20name"]);
  await expect.poll(waiting).toBe(0);
});

test("it retries a failing server, and survives the broker's death", async () => {
  const child = await start();
  let failures = 1;
  beforeAnswer = (response) => {
    if (failures-- > 0) response.writeHead(503).end();
  };
  await announce(`${base}radar/XSS/first`);
  await expect.poll(files, { timeout: 20_000 }).toEqual(["first"]);

  await broker.keepDeclared();
  connection.on("error", () => {});
  await broker.kill();
  const again = line(child, /^listening/);
  await broker.start();
  connection = await connect(broker.url);
  channel = await connection.createConfirmChannel();
  await again;
  await announce(`${base}radar/XSS/second`);
  await expect.poll(() => files().sort(), { timeout: 20_000 }).toEqual(["first", "second"]);
});
