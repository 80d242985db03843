import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { type BrokerSession, openBrokerSession } from "./broker-session.ts";
import { brokerConfig } from "./config.ts";
import { consume } from "./consumer.ts";
import { deadLetter } from "./dead-letter.ts";
import { headersBytesMax } from "./headers.ts";
import type { Delivery, Message } from "./subscription.ts";
import { deadLetterQueue, deadLetterTopology } from "./topology.ts";

const log = pino({ level: "silent" });
let broker: LocalBroker;
let folder: string;
let session: BrokerSession;

beforeAll(async () => {
  broker = await sharedBroker();
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
  await rm(folder, { recursive: true, force: true });
});

/** Dead-letters a delivery with these properties, and returns what is in the dead-letter queue then. */
async function putAside({
  reason = "why not",
  ...own
}: Partial<Delivery> & { reason?: string }): Promise<{ dead: Message; acked: number }> {
  let acked = 0;
  const delivery: Delivery = {
    body: Buffer.from("body"),
    exchange: "cmc",
    routingKey: "v00.urp.input.a",
    headers: {},
    marks: {},
    droppedHeaders: [],
    redelivered: false,
    signal: new AbortController().signal,
    ack: () => {
      acked++;
    },
    requeue: () => {},
    ...own,
  };
  await deadLetter({ session, log, agent: "test", queue: "queue", delivery, reason });
  const arrived = Promise.withResolvers<Message>();
  const handle = (dead: Message) => {
    arrived.resolve(dead);
    return "ack" as const;
  };
  const consumer = consume({ session, queue: deadLetterQueue, prefetch: 1, log, agent: "test", handle });
  const dead = await arrived.promise;
  await consumer.cancel();
  return { dead, acked };
}

test("a dead letter has the message's own headers, marks, time and content type, and its origin, time and reason", async () => {
  const { dead, acked } = await putAside({
    headers: { filename: "p", "x-dead-reason": "forged", "x-death": [{ count: 1 }] },
    marks: { alternate: "404" },
    droppedHeaders: ["large"],
    timestampSeconds: 1_600_000_000,
    contentType: "application/json",
  });
  expect(acked).toBe(1);
  expect(dead).toMatchObject({
    headers: {
      filename: "p",
      "x-death": [{ count: 1 }],
      "x-dead-reason": "why not",
      "x-dead-agent": "test",
      "x-dead-queue": "queue",
      "x-dead-exchange": "cmc",
      "x-dead-headers": "left out: large",
    },
    marks: { alternate: "404" },
    timestampSeconds: 1_600_000_000,
    contentType: "application/json",
  });
  const ageMs = Date.now() - Date.parse(String(dead.headers["x-dead-time"]));
  expect(ageMs).toBeGreaterThanOrEqual(0);
  expect(ageMs).toBeLessThan(60_000);
});

test("what does not fit beside a long reason is left out, and named", async () => {
  const headers = { filename: "p", large: "x".repeat(headersBytesMax - 50) };
  const { dead, acked } = await putAside({ headers, reason: "€".repeat(70_000) });
  expect(acked).toBe(1);
  expect(dead.headers).toMatchObject({
    filename: "p",
    "x-dead-reason": expect.stringMatching(/^€{340}…$/),
    "x-dead-headers": "left out: large",
  });
});

test("a routing key that grew over 255 bytes when it was read is shortened in a dead letter", async () => {
  const { dead, acked } = await putAside({ routingKey: "\ufffd".repeat(255) });
  expect(acked).toBe(1);
  expect(Buffer.byteLength(dead.routingKey)).toBeLessThanOrEqual(255);
  expect(dead.routingKey).toMatch(/^\ufffd{84}/);
  expect(dead.headers["x-dead-key"]).toBe("\ufffd".repeat(255));
});
