import { randomUUID } from "node:crypto";
import { type ChannelModel, connect } from "amqplib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { sharedBroker } from "../../../tests/rigs/shared-broker.ts";
import { type LocalBroker, startLocalBroker } from "../../traffic/local-broker.ts";
import { ledgerCarrier } from "./carrier.ts";
import { drain } from "./drain.ts";
import { awaitFence, keepLedger, openWayIn, type Side, sideOf, startShovel, stopShovel } from "./side.ts";

// Two 3.10 brokers of one node each. Shovels of 4.0 are tested on the lab's hosts.

const signal = new AbortController().signal;
const config = fixtureConfig();
const { exchange, inputQueue, pullQueue } = config.announcements;
const ledger = ledgerCarrier("heron1", config.announcements);
const fence = { token: "", withinMs: 60_000, signal };

let brokers: LocalBroker[];
let connections: ChannelModel[];
let [from, to] = [undefined, undefined] as unknown as [Side, Side];

beforeAll(async () => {
  brokers = await Promise.all([sharedBroker(), startLocalBroker({ plugins: ["rabbitmq_shovel"] })]);
  connections = await Promise.all(brokers.map(({ url }) => connect(url)));
  const sideAt = (index: number): Side => {
    const { managementUrl, url, adminUser, adminPassword } = brokers[index] as LocalBroker;
    const [cluster] = clusterModels(config);
    if (!cluster) throw new TypeError("no cluster");
    const administrator = { name: adminUser, password: adminPassword };
    const end = index === 1 ? ({ here: true } as const) : { here: false as const, uris: [url.replace(/\/$/, "")] };
    const name = index === 1 ? "heron" : "bunny";
    return sideOf(
      { ...cluster, name, administrator },
      { stack: "a", endpoints: [managementUrl], isQuorum: false, end, ca: undefined, signal },
    );
  };
  [from, to] = [sideAt(0), sideAt(1)];
  for (const connection of connections) {
    const channel = await connection.createChannel();
    await channel.assertExchange(exchange, "topic");
    for (const [queue, topic] of [
      [inputQueue, "v00.urp.input.#"],
      [pullQueue, "v00.urp.notify.#"],
      ["cmc.urp.dead", "dead"],
    ] as const) {
      await channel.assertQueue(queue);
      await channel.bindQueue(queue, exchange, topic);
    }
    await channel.close();
  }
  const channel = await (connections[1] as ChannelModel).createChannel();
  await channel.assertQueue(ledger.queue);
  await channel.close();
});
afterAll(async () => {
  from.close();
  to.close();
  await Promise.all(connections.map((connection) => connection.close()));
  await brokers[1]?.stop();
});

async function publish(topics: readonly string[]): Promise<void> {
  const channel = await (connections[0] as ChannelModel).createConfirmChannel();
  for (const topic of topics) {
    channel.publish(exchange, topic, Buffer.from(topic), { persistent: true, headers: { filename: topic } });
  }
  await channel.waitForConfirms();
  await channel.close();
}

async function taken(queue: string) {
  const channel = await (connections[1] as ChannelModel).createChannel();
  const found: { key: string; headers: Record<string, unknown> }[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) break;
    found.push({ key: message.fields.routingKey, headers: message.properties.headers ?? {} });
  }
  await channel.close();
  return found;
}

const numbered = (topic: string, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => `${topic}.${first + index}`);

it("a ledger receives in order everything sent at the other broker, and the fence shows when", async () => {
  await keepLedger(from, ledger, exchange, 600);
  // Collected before a shovel runs.
  await publish(numbered("v00.urp.notify", 1, 50));
  await openWayIn(to, ledger, ledger.fence);
  await startShovel(to, ledger, from, to);
  await publish([...numbered("v00.urp.notify", 51, 500), "v00.urp.pulled", "v00.urp.input.1"]);
  await awaitFence(from, to, ledger, exchange, { ...fence, token: randomUUID() });
  const found = await taken(ledger.queue);
  expect(found.map(({ key }) => key)).toEqual([...numbered("v00.urp.notify", 1, 500), "v00.urp.pulled"]);

  // Interrupted and continued: nothing is missing, with another fence.
  await stopShovel(to, ledger);
  await publish(numbered("v00.urp.twin", 1, 20));
  await keepLedger(from, ledger, exchange, 600);
  await openWayIn(to, ledger, ledger.fence);
  await startShovel(to, ledger, from, to);
  await awaitFence(from, to, ledger, exchange, { ...fence, token: randomUUID() });
  expect((await taken(ledger.queue)).map(({ key }) => key)).toEqual(numbered("v00.urp.twin", 1, 20));
});

it("messages left in queues are carried with keys and headers, and marked as carried", async () => {
  await (await (connections[0] as ChannelModel).createChannel()).purgeQueue(pullQueue);
  await publish(numbered("v00.urp.notify", 1, 300));
  const { carried, left } = await drain({
    ...{ from, to, runner: to, config, signal, waitMs: 60_000, say: () => {} },
  });
  expect(left).toEqual([]);
  expect(Object.keys(carried)).toEqual(expect.arrayContaining([inputQueue, pullQueue, "cmc.urp.dead"]));
  const found = await taken(pullQueue);
  expect(found.map(({ key }) => key)).toEqual(numbered("v00.urp.notify", 1, 300));
  for (const { key, headers } of found) {
    expect(headers).toMatchObject({ filename: key, "x-shovelled": expect.any(Array) });
  }
  expect((await taken(inputQueue)).map(({ key }) => key)).toEqual(["v00.urp.input.1"]);
});
