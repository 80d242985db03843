import { type ChannelModel, connect } from "amqplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { declareTopology, type QueueDefaults } from "./topology.ts";

// A broker of one node, of this machine's release: the lab shows that a cluster replicates and that 4.x sets no limit.
let broker: LocalBroker;
let connection: ChannelModel;

beforeAll(async () => {
  broker = await sharedBroker();
  connection = await connect(broker.url);
});
afterAll(async () => {
  await connection?.close();
});

/** A queue's type, as the broker reports it. */
async function declared(name: string, type: QueueDefaults["type"]): Promise<string> {
  const channel = await connection.createChannel();
  const queue = { name, arguments: { "x-single-active-consumer": true }, bindings: [] };
  const brokerVersion = connection.connection.serverProperties.version;
  for (let times = 0; times < 2; times++) {
    await declareTopology(channel, { exchanges: [], queues: [queue] }, { type, brokerVersion });
  }
  await channel.close();
  const login = Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64");
  const answer = await fetch(`${broker.managementUrl}/api/queues/%2F/${name}`, {
    headers: { authorization: `Basic ${login}` },
  });
  return ((await answer.json()) as { type: string }).type;
}

test.each(["classic", "quorum"] as const)("a %s queue is declared, and again without harm", async (type) => {
  expect(await declared(`of-type-${type}`, type)).toBe(type);
});

test("no number of deliveries uses up a message of a quorum queue", async () => {
  const channel = await connection.createConfirmChannel();
  const brokerVersion = connection.connection.serverProperties.version;
  const topology = { exchanges: [], queues: [{ name: "returned-often", bindings: [] }] };
  await declareTopology(channel, topology, { type: "quorum", brokerVersion });
  channel.sendToQueue("returned-often", Buffer.from("stays"), { persistent: true });
  await channel.waitForConfirms();
  const often = 50;
  let deliveries = 0;
  const enough = Promise.withResolvers<void>();
  await channel.prefetch(1);
  await channel.consume("returned-often", (message) => {
    if (message === null) return;
    deliveries += 1;
    if (deliveries < often) return channel.nack(message, false, true);
    channel.ack(message);
    enough.resolve();
  });
  await enough.promise;
  expect(deliveries).toBe(often);
  await channel.close();
});
