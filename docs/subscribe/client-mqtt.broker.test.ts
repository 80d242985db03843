import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Mosquitto } from "../../tests/rigs/mosquitto.ts";

const program = join(import.meta.dirname, "client-mqtt.ts");
const topic = "origin/a/wis2/ca-eccc-msc/data/core/weather/surface-based-observations/weather-radar";
const wait = { timeout: 60_000, interval: 20 };

let broker: Mosquitto;
let publisher: MqttClient;
let server: Server;
let base: string;
let folder: string;
let client: ChildProcess;
/** What all clients of the test printed. */
let printed: string[] = [];

beforeEach(async () => {
  printed = [];
  folder = mkdtempSync(join(tmpdir(), "warren-subscriber-"));
  broker = await Mosquitto.start();
  publisher = await connectAsync(broker.url, { protocolVersion: 5, reconnectPeriod: 50 });
  server = createServer((request, response) => {
    if (request.url?.startsWith("/gone")) response.writeHead(404);
    response.end(`content of ${request.url}`);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterEach(async () => {
  await kill();
  await publisher.endAsync(true);
  await broker.stop();
  server.close();
  rmSync(folder, { recursive: true });
});

/** Resolves when the client listens. */
async function start(): Promise<void> {
  client = spawn(process.execPath, [program, "ca-test", "origin/a/wis2/+/data/core/weather/#", folder], {
    env: { ...process.env, BROKER_URL: broker.url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const listening = printed.filter((line) => line.startsWith("listening")).length;
  for (const output of [client.stdout, client.stderr])
    output?.setEncoding("utf8").on("data", (text: string) => printed.push(...text.trim().split("\n")));
  await expect
    .poll(() => printed.filter((line) => line.startsWith("listening")).length, wait)
    .toBeGreaterThan(listening);
}

async function kill(): Promise<void> {
  if (client.exitCode !== null || client.signalCode !== null) return;
  client.kill("SIGKILL");
  await once(client, "exit");
}

function notification(path: string, id: string = randomUUID(), content = `content of /${path}`): string {
  const value = createHash("sha512").update(content).digest("base64");
  return JSON.stringify({
    id,
    properties: { integrity: { method: "sha512", value } },
    links: [{ rel: "canonical", href: base + path }],
  });
}

const publish = (body: string) => publisher.publishAsync(topic, body, { qos: 1 });
const files = () => readdirSync(folder).filter((name) => !name.startsWith(".") && !name.endsWith(".part"));
const got = () => printed.filter((line) => line.startsWith("got "));

test("it is killed, and the broker restarts: each of 100 products arrives, once by its id", async () => {
  await start();
  for (let count = 0; count < 50; count += 1) await publish(notification(`p${count}`));
  await kill();
  for (let count = 50; count < 75; count += 1) await publish(notification(`p${count}`));
  await broker.pause();
  await broker.resume();
  await start();
  for (let count = 75; count < 100; count += 1) await publish(notification(`p${count}`));
  await expect.poll(() => files().length, wait).toBe(100);
  for (const name of files()) expect(readFileSync(join(folder, name), "utf8")).toBe(`content of /${name}`);
  // Killed between the file and the note of its id, it fetches that one again.
  expect(got().length).toBeLessThanOrEqual(101);
});

test("it skips a repeat, what is gone, damaged or no notification, and fetches the next product", async () => {
  await start();
  const id = randomUUID();
  await publish(notification("first", id));
  await publish(notification("first", id));
  await publish(notification("gone/1"));
  await publish(notification("damaged", randomUUID(), "other content"));
  await publish("garbage");
  await publish(notification("last"));
  await expect.poll(() => files().sort(), wait).toEqual(["first", "last"]);
  const words = printed.map((line) => line.split(" ")[0]).sort();
  expect(words).toEqual(["again", "damaged", "gone", "got", "got", "listening:", "no"]);
});
