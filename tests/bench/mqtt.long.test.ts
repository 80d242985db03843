import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "amqplib";
import { afterAll, expect, test } from "vitest";
import { codecs } from "../../agents/lib/codecs.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { latenciesOf } from "../../scripts/lib/statistics.ts";
import { Cleanup } from "../rigs/cleanup.ts";
import { startMqttBroker } from "../sr3/mqtt-broker.ts";
import { subscribe } from "./mqtt-subscriber.ts";
import { cpuSeconds, residentBytes } from "./usage.ts";

// Many subscribers of WIS2's notifications at one broker 4.0, all clients in this process: memory of the broker, and milliseconds until a subscriber
// has a notification. Not shown here: TLS, and clients that are slow or away.

const subscribers = 2000;
const productsPerSecond = 2;
const products = 60;
const startedAtOnce = 50;
const topic = "origin.a.wis2.ca-eccc-msc.data.core.weather.surface-based-observations.weather-radar";

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

test("2,000 subscribers with sessions have each of 2 products a second, once", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "warren-mqtt-load-"));
  cleanup.add(() => rmSync(folder, { recursive: true }));
  const { broker, ports } = await startMqttBroker(folder, {
    ...{ queuesMax: subscribers + 100, connectionsMax: subscribers + 100 },
  });
  cleanup.add(() => broker.stop());
  const megabytes = () => Math.round(residentBytes(broker.pid ?? 0) / 1e6);
  const empty = megabytes();
  const times: number[] = [];
  const sockets: Socket[] = [];
  cleanup.add(() => {
    for (const socket of sockets) socket.destroy();
  });
  const pubtime = '"pubtime":"';
  const timeLength = new Date().toISOString().length;
  const open = async (number: number) => {
    const who = { clientId: `subscriber-${number}`, user: "everyone", filter: "origin/a/wis2/#" };
    const socket = await subscribe(ports.plain, who, (payload) => {
      const from = payload.indexOf(pubtime) + pubtime.length;
      times.push(Date.now() - Date.parse(payload.toString("latin1", from, from + timeLength)));
    });
    sockets.push(socket);
  };
  for (let from = 0; from < subscribers; from += startedAtOnce)
    await Promise.all(Array.from({ length: startedAtOnce }, (_, index) => open(from + index)));
  const connected = megabytes();

  const connection = await connect(broker.url);
  cleanup.add(() => connection.close());
  const channel = await connection.createConfirmChannel();
  const before = cpuSeconds(broker.pid ?? 0);
  for (let number = 0; number < products; number++) {
    const sum = { method: "sha512", value: "ab".repeat(64) } as const;
    const place = { baseUrl: "http://dd.example.org/", relPath: `radar/24_HR_ACCUM/GIF/XSS/${number}.gif` };
    const message = codecs.wis.format({ ...place, pubTimeMs: Date.now(), sizeBytes: 20_000, sum });
    if (!message.ok) throw new Error(message.reason);
    channel.publish("xpublic", topic, message.value.body, { persistent: true, contentType: "application/geo+json" });
    await sleep(1000 / productsPerSecond);
  }
  await poll(() => times.length >= subscribers * products, { everyMs: 100, withinMs: 120_000 });
  const processor = (cpuSeconds(broker.pid ?? 0) - before) / (products / productsPerSecond);
  const { p50, p99, max } = latenciesOf(times);
  console.log(
    `${subscribers} subscribers, ${productsPerSecond} products a second: broker ${empty} MB empty, ${connected} MB with subscribers, ` +
      `${megabytes()} MB at the end, ${processor.toFixed(2)} of a processor; ` +
      `p50 ${p50} ms, p99 ${p99} ms, worst ${max} ms`,
  );
  expect(times.length).toBe(subscribers * products);
});
