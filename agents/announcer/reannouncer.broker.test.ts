import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { openBrokerSession } from "../lib/broker-session.ts";
import { brokerConfig } from "../lib/config.ts";
import { consume } from "../lib/consumer.ts";
import { openSpool } from "../lib/spool.ts";
import { openSpooledPublisher } from "../lib/spooled-publisher.ts";
import { openReannouncer } from "./reannouncer.ts";

// Purging the queue stands for a broker that discards confirmed messages, and cutting the connection for its restart. Not proved here:
// that the losing node of a partition does the same; the chaos lab makes partitions.

const count = 500;
const log = pino({ level: "silent" });
let broker: LocalBroker;
let folder: string;

beforeAll(async () => {
  broker = await sharedBroker();
  folder = mkdtempSync(join(tmpdir(), "warren-again-"));
  writeFileSync(join(folder, "password"), broker.adminPassword);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
});

test("announcements that the broker confirmed and lost come again after the reconnection, once and marked; the spool stays empty", async () => {
  const config = brokerConfig.parse({
    hosts: [`127.0.0.1:${broker.amqpPort}`],
    user: broker.adminUser,
    passwordFile: join(folder, "password"),
    reconnectDelayMaxMs: 300,
  });
  const topology = {
    exchanges: [{ name: "cmc", type: "topic" as const }],
    queues: [{ name: "input", bindings: [{ exchange: "cmc", pattern: "v00.urp.input.#" }] }],
  };
  const session = openBrokerSession({ config, log, name: "test", topology });
  let reannounced = 0;
  const events = { reannouncing: () => {}, reannounced: () => (reannounced += 1) };
  const reannouncer = openReannouncer({ reannounceSeconds: 600, reannounceMax: 50_000 }, session, events);
  const spool = await openSpool({ directory: join(folder, "spool"), bytesMax: 1_000_000, log });
  const publisher = openSpooledPublisher({
    session,
    spool,
    log,
    onConfirmed: (message) => reannouncer?.confirmed(message),
  });
  const bodies = Array.from({ length: count }, (_, index) => String(index));
  const headers = { filename: "p" };
  await Promise.all(
    bodies.map((body) =>
      publisher.publish({ exchange: "cmc", routingKey: "v00.urp.input.x", body: Buffer.from(body), headers }),
    ),
  );
  expect(await publisher.drained(AbortSignal.timeout(60_000))).toBe(true);
  await session.withChannel((channel) => channel.purgeQueue("input"));
  session.disconnect("test");
  await expect.poll(() => reannounced, { timeout: 60_000 }).toBe(count);
  expect(publisher.count).toBe(0);
  const came: { body: string; headers: object; marks: object }[] = [];
  consume({
    ...{ session, queue: "input", prefetch: 100, log, agent: "test" },
    handle(delivery) {
      came.push({ body: delivery.body.toString(), headers: { ...delivery.headers }, marks: delivery.marks });
      return "ack";
    },
  });
  await expect.poll(() => came.length, { timeout: 60_000 }).toBe(count);
  expect(came.map(({ body }) => body).sort()).toEqual(bodies.sort());
  for (const one of came) expect(one).toMatchObject({ headers: { filename: "p" }, marks: { again: true } });
  reannouncer?.stop();
  await publisher.stop();
  await session.close();
  await spool.close();
});

test("with reannounceSeconds 0 nothing is kept", () => {
  const session = { on: () => {} } as never;
  const events = { reannouncing: () => {}, reannounced: () => {} };
  expect(openReannouncer({ reannounceSeconds: 0, reannounceMax: 1 }, session, events)).toBeUndefined();
});
