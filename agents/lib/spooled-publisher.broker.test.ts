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
import { openSpool } from "./spool.ts";
import { openSpooledPublisher } from "./spooled-publisher.ts";

const log = pino({ level: "silent" });
const count = 400;
let broker: LocalBroker;
let folder: string;

beforeAll(async () => {
  broker = await sharedBroker();
  folder = await mkdtemp(join(tmpdir(), "warren-spooled-"));
  await writeFile(join(folder, "password"), broker.adminPassword);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function open(queue: string, host = `127.0.0.1:${broker.amqpPort}`): BrokerSession {
  const config = brokerConfig.parse({ hosts: [host], user: broker.adminUser, passwordFile: join(folder, "password") });
  const topology = {
    exchanges: [{ name: "cmc", type: "topic" as const }],
    queues: [{ name: queue, bindings: [{ exchange: "cmc", pattern: queue }] }],
  };
  return openBrokerSession({ config, log, name: "test", topology });
}

const bodies = Array.from({ length: count }, (_, index) => String(index));
const message = (queue: string, body: string) => ({ exchange: "cmc", routingKey: queue, body: Buffer.from(body) });

/** Bodies in the order of their first arrival, once all are there. */
async function receiveAll(session: BrokerSession, queue: string): Promise<string[]> {
  const seen = new Set<string>();
  const all = Promise.withResolvers<void>();
  const handle = ({ body }: { body: Buffer }): "ack" => {
    seen.add(body.toString());
    if (seen.size === count) all.resolve();
    return "ack";
  };
  const consumer = consume({ session, queue, prefetch: 100, log, agent: "test", handle });
  await all.promise;
  await consumer.cancel();
  return [...seen];
}

test("messages spooled while the broker was away are published in order by the next process", async () => {
  const directory = join(folder, "away");
  const away = open("away", "127.0.0.1:1");
  const firstSpool = await openSpool({ directory, bytesMax: 1_000_000, log });
  const first = openSpooledPublisher({ session: away, spool: firstSpool, log });
  await Promise.all(bodies.map((body) => first.publish(message("away", body))));
  expect(first.count).toBe(count);
  expect(await first.drained(AbortSignal.timeout(1))).toBe(false);
  await first.stop();
  await away.close();
  await firstSpool.close();

  const session = open("away");
  const spool = await openSpool({ directory, bytesMax: 1_000_000, log });
  const second = openSpooledPublisher({ session, spool, log });
  expect(await receiveAll(session, "away")).toEqual(bodies);
  expect(await second.drained(AbortSignal.timeout(60_000))).toBe(true);
  await second.stop();
  await session.close();
  await spool.close();
});

test("nothing is lost when the broker is killed during publishing", async () => {
  const session = open("killed");
  const spool = await openSpool({ directory: join(folder, "killed"), bytesMax: 1_000_000, log });
  const half = Promise.withResolvers<void>();
  let confirmed = 0;
  const onConfirmed = (): void => {
    if (++confirmed === count / 2) half.resolve();
  };
  const publisher = openSpooledPublisher({ session, spool, log, onConfirmed });
  await session.ready();
  await broker.keepDeclared();
  const published = Promise.all(bodies.map((body) => publisher.publish(message("killed", body))));
  await half.promise;
  await broker.kill();
  await published;
  await broker.start();
  expect(new Set(await receiveAll(session, "killed"))).toEqual(new Set(bodies));
  expect(await publisher.drained(AbortSignal.timeout(60_000))).toBe(true);
  await publisher.stop();
  await session.close();
  await spool.close();
});

test("a message that no queue accepts is kept, or reported and done if a callback is given", async () => {
  const session = open("claimed");
  const spool = await openSpool({ directory: join(folder, "unclaimed"), bytesMax: 1_000_000, log });
  const unclaimed: string[] = [];
  const first = Promise.withResolvers<void>();
  const keeping = openSpooledPublisher({ session, spool, log, onFailed: () => first.resolve() });
  await keeping.publish(message("nobody", "kept"));
  await first.promise;
  expect([keeping.count, keeping.unroutable]).toEqual([1, 1]);
  await keeping.stop();
  const publisher = openSpooledPublisher({
    session,
    spool,
    log,
    onUnclaimed: ({ body }) => unclaimed.push(body.toString()),
  });
  await publisher.publish(message("nobody", "gone"));
  await publisher.publish(message("claimed", "taken"));
  expect(await publisher.drained(AbortSignal.timeout(60_000))).toBe(true);
  expect(unclaimed).toEqual(["kept", "gone"]);
  expect(publisher.unroutable).toBe(0);
  await publisher.stop();
  await session.close();
  await spool.close();
});
