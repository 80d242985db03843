import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { nestedField, type Table, textField } from "../../tests/fuzz/amqp/fields.ts";
import { RawConnection } from "../../tests/fuzz/amqp/raw-connection.ts";
import { Bench } from "../../tests/rigs/agents-bench.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";

// Headers that used to crash dispatchers and pullers, again and again, on valid announcements. `./warren fuzz` generates others.

let broker: LocalBroker;
let bench: Bench;
let raw: RawConnection;
let benches = 0;
const waiting = { timeout: 100_000, interval: 20 };

beforeAll(async () => {
  broker = await sharedBroker();
});
beforeEach(async () => {
  bench = new Bench(broker, ++benches);
  await bench.open();
  const { adminUser: user, adminPassword: password, amqpPort: port } = broker;
  raw = await RawConnection.open({ port, vhost: "/", user, password });
});
afterEach(async () => {
  await raw.close();
  await bench.close();
});

const text = (bytes: number) => textField("x".repeat(bytes));
const hostile: readonly (readonly [string, Table])[] = [
  ["90,000 bytes of warren's own", [[Buffer.from("x-warren-alternate"), text(90_000)]]],
  ["65,500 bytes of warren's own", [[Buffer.from("x-warren-alternate"), text(65_500)]]],
  ["90,000 bytes of its publisher's", [[Buffer.from("filename"), text(90_000)]]],
  ["a table 12,000 tables deep", [[Buffer.from("deep"), nestedField("F", 12_000)]]],
];

async function publish(kind: "input" | "notify", product: string, headers: Table): Promise<void> {
  const body = bench.urp1.announcementOf(product);
  const routingKey = Buffer.from(`v00.urp.${kind}.x`);
  const outcome = await raw.publish({
    exchange: bench.exchange,
    routingKey,
    properties: { headers, deliveryMode: 2 },
    body,
  });
  expect(outcome).toBe("confirmed");
}

test.each(["input", "notify"] as const)("headers that can't be sent on crash no reader under %s", async (kind) => {
  const agents = [await bench.startDispatcher(), await bench.startPuller("a")];
  const before = agents.map(({ pid }) => pid);
  for (const [name, headers] of hostile) await publish(kind, name.replaceAll(/[^a-z0-9]/g, "-"), headers);
  await publish(kind, "good", []);
  await expect.poll(() => bench.products.length, waiting).toBe(hostile.length + 1);
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
  expect(agents.map(({ pid }) => pid)).toEqual(before);
});
