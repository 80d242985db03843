import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalBroker, startLocalBroker } from "../../scripts/lib/local-broker.ts";
import { type BrokerSession, openBrokerSession } from "./broker-session.ts";
import { brokerConfig } from "./config.ts";
import { consume, deadLetter } from "./consumer.ts";
import type { Delivery } from "./subscription.ts";
import { deadLetterQueue, deadLetterTopology } from "./topology.ts";

const log = pino({ level: "silent" });
let broker: LocalBroker;
let folder: string;
let session: BrokerSession;

beforeAll(async () => {
  broker = await startLocalBroker();
  folder = await mkdtemp(join(tmpdir(), "warren-dead-"));
  await writeFile(join(folder, "password"), broker.adminPassword);
  const config = brokerConfig.parse({
    hosts: [`127.0.0.1:${broker.amqpPort}`],
    user: broker.adminUser,
    passwordFile: join(folder, "password"),
  });
  session = openBrokerSession({ config, log, name: "test", topology: deadLetterTopology });
  await session.ready();
});
afterAll(async () => {
  await session?.close();
  await broker?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Puts a delivery with these peculiarities aside, and answers what is in the dead-letter queue then. */
async function putAside(own: Partial<Delivery>): Promise<{ dead: Delivery; acked: number }> {
  let acked = 0;
  const delivery: Delivery = {
    body: Buffer.from("body"),
    exchange: "cmc",
    routingKey: "v00.urp.input.a",
    headers: {},
    redelivered: false,
    signal: new AbortController().signal,
    ack: () => {
      acked++;
    },
    requeue: () => {},
    ...own,
  };
  await deadLetter({ session, log, agent: "test", queue: "queue", delivery, reason: "why not" });
  const arrived = Promise.withResolvers<Delivery>();
  const handle = (dead: Delivery) => {
    arrived.resolve(dead);
    return "ack" as const;
  };
  const consumer = consume({ session, queue: deadLetterQueue, prefetch: 1, log, agent: "test", handle });
  const dead = await arrived.promise;
  await consumer.cancel();
  return { dead, acked };
}

test("headers too large to be sent again are left out of a dead letter, which says so", async () => {
  // Alone they would fit; with the reasons they don't.
  const { dead, acked } = await putAside({ headers: { large: "x".repeat(65_500) } });
  expect(acked).toBe(1);
  expect(dead.headers).toMatchObject({
    "x-dead-reason": "why not",
    "x-dead-headers": expect.stringMatching(/^left out/),
  });
  expect(dead.headers).not.toHaveProperty("large");
});

test("a routing key that grew over 255 bytes when it was read is shortened in a dead letter", async () => {
  const { dead, acked } = await putAside({ routingKey: "\ufffd".repeat(255) });
  expect(acked).toBe(1);
  expect(Buffer.byteLength(dead.routingKey)).toBeLessThanOrEqual(255);
  expect(dead.routingKey).toMatch(/^\ufffd{84}/);
});
