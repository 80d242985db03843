import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Channel, type ChannelModel, connect } from "amqplib";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { KilledAgent, TestedAgent } from "../../tests/rigs/tested-agent.ts";

const chosen = seededChoices();

// The broker has one node. Not proved here: a cluster's figures for queues whose node is down.

const waitMs = { timeout: 100_000, interval: 100 };

let broker: LocalBroker;
let folder: string;
let connection: ChannelModel;
let channel: Channel;
let agents: TestedAgent[] = [];

beforeAll(async () => {
  broker = await sharedBroker();
  await api("PUT", "/api/users/keeper", { password: "few rights", tags: "management" });
  const rights = { configure: "^(?!cmc\\.urp\\.)", write: "^(?!cmc\\.urp\\.)", read: "^xpublic$" };
  await api("PUT", "/api/permissions/%2F/keeper", rights);
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "warren-queue-manager-"));
  writeFileSync(join(folder, "password"), "few rights\n");
  connection = await connect(broker.url);
  channel = await connection.createChannel();
  await channel.assertExchange("xpublic", "topic", { durable: true });
});

afterEach(async () => {
  for (const agent of agents) await agent.kill();
  agents = [];
  await connection.close().catch(() => {});
  for (const { name } of (await api("GET", "/api/queues")) as { name: string }[]) {
    await api("DELETE", `/api/queues/%2F/${encodeURIComponent(name)}`);
  }
  rmSync(folder, { recursive: true });
});

async function api(method: string, path: string, body?: object): Promise<unknown> {
  const login = Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64");
  const answer = await fetch(broker.managementUrl + path, {
    method,
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  return text === "" ? undefined : JSON.parse(text);
}

async function queueNames(): Promise<readonly string[]> {
  const queues = (await api("GET", "/api/queues?columns=name")) as { name: string }[];
  return queues.map(({ name }) => name).toSorted();
}

const small = { name: "clients", pattern: "", messagesMax: 20, bytesMax: 10_000 };
const times = { warnAfterSeconds: 1, unbindAfterSeconds: 2, deleteAfterSeconds: 3 };
/** For queues that are used: the broker's figures are a second old, on a busy machine a few. */
const patientTimes = { warnAfterSeconds: 6, unbindAfterSeconds: 7, deleteAfterSeconds: 8 };

function startManager(own: object = {}): TestedAgent {
  const config = {
    management: {
      urls: ["http://127.0.0.1:1", broker.managementUrl],
      user: "keeper",
      passwordFile: join(folder, "password"),
    },
    metrics: { port: 0 },
    keep: ["^cmc\\.urp\\."],
    intervalSeconds: 1,
    classes: [{ ...small, ...times }],
    ...own,
  };
  const configFile = join(folder, "queue-manager.json");
  writeFileSync(configFile, JSON.stringify(config));
  const agent = new TestedAgent({ agent: "queue-manager", configFile, stateDirectory: join(folder, "state") });
  agents.push(agent);
  return agent;
}

/** A durable, bound queue that a client left with so many messages. */
async function leaveQueue(
  name: string,
  messages: number,
  options: { size?: number; type?: string } = {},
): Promise<void> {
  const { size = 10, type = "classic" } = options;
  await channel.assertQueue(name, { durable: true, arguments: { "x-queue-type": type } });
  await channel.bindQueue(name, "xpublic", `${name}.#`);
  for (let count = 0; count < messages; count += 1) channel.sendToQueue(name, Buffer.alloc(size));
}

const audited = () =>
  readFileSync(join(folder, "state/audit.jsonl"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { event: string; queue: string; reason?: string })
    .map(({ event, queue }) => `${event}: ${queue}`);

test("of queues with and without clients, those that are unused and over their limits are deleted and listed", async () => {
  await leaveQueue("left", 21);
  await leaveQueue("heavy", 11, { size: 1000 });
  // RabbitMQ can't list the bindings of this queue.
  await leaveQueue("unlisted", 21);
  await channel.bindQueue("unlisted", "xpublic", "a~b", { d: 1 });
  await leaveQueue("small", 20);
  await leaveQueue("cmc.urp.pull", 30);
  await leaveQueue("slow-client", 30);
  await leaveQueue("polled", 40);
  await channel.prefetch(1);
  // It has a consumer, but a slow one.
  await channel.consume("slow-client", () => {});
  const polling = setInterval(() => void channel.get("polled").then((got) => got && channel.ack(got)), 500);
  const agent = startManager({ classes: [{ ...small, ...patientTimes }] });
  try {
    await vi.waitFor(
      async () => expect(await queueNames()).toEqual(["cmc.urp.pull", "polled", "slow-client", "small"]),
      waitMs,
    );
    // The same time again, to see that the others stay.
    const polls = await agent.metric("looks_total");
    await vi.waitFor(async () => expect(await agent.metric("looks_total")).toBeGreaterThan(polls + 9), waitMs);
  } finally {
    clearInterval(polling);
  }
  expect(await queueNames()).toEqual(["cmc.urp.pull", "polled", "slow-client", "small"]);
  const { ok, removed = [] } = await agent.health();
  expect(ok).toBe(true);
  expect(
    removed
      .map(({ queue, messages, bindings }) => ({ queue, messages, bindings }))
      .toSorted((a, b) => b.messages - a.messages || a.queue.localeCompare(b.queue)),
  ).toEqual([
    { queue: "left", messages: 21, bindings: [{ source: "xpublic", routingKey: "left.#", arguments: {} }] },
    { queue: "unlisted", messages: 21, bindings: [] },
    { queue: "heavy", messages: 11, bindings: [{ source: "xpublic", routingKey: "heavy.#", arguments: {} }] },
  ]);
  const steps = ["warned", "unbinding", "unbound", "deleting", "deleted"].map((event) => `${event}: left`);
  expect(audited().filter((line) => line.endsWith(": left"))).toEqual(steps);
  expect(await agent.end()).toEqual([0, null]);
});

test("a client that returns to an unbound queue gets its messages and bindings, even after a kill of the agent", async () => {
  await leaveQueue("back", 30);
  const lasting = { classes: [{ ...small, ...times, deleteAfterSeconds: 3600 }] };
  const first = startManager(lasting);
  await first.logged("queue: unbound");
  expect(await api("GET", "/api/exchanges/%2F/xpublic/bindings/source")).toEqual([]);
  await vi.waitFor(
    async () => expect((await first.health()).watched).toMatchObject([{ queue: "back", stage: "unbound" }]),
    waitMs,
  );
  await first.kill();
  let received = 0;
  await channel.consume("back", (message) => {
    received += 1;
    if (message) channel.ack(message);
  });
  const next = startManager(lasting);
  await next.logged("queue: bound again");
  channel.publish("xpublic", "back.news", Buffer.from("x"));
  await vi.waitFor(() => expect(received).toBe(31), waitMs);
  await vi.waitFor(async () => expect((await next.health()).watched).toEqual([]), waitMs);
});

test("killed at random moments over 2,000 messages in 40 queues: each is first audited with its bindings and then deleted, and a used queue stays", async () => {
  const left = Array.from({ length: 40 }, (_, count) => `left-${count}`);
  for (const name of left) await leaveQueue(name, 50);
  await leaveQueue("slow-client", 50);
  await channel.prefetch(1);
  await channel.consume("slow-client", () => {});
  const consumers = async () => ((await api("GET", "/api/queues/%2F/slow-client")) as { consumers?: number }).consumers;
  await vi.waitFor(async () => expect(await consumers()).toBe(1), waitMs);
  const killed = new KilledAgent(
    () => startManager(),
    () => 20 + chosen(1000),
  );
  await vi.waitFor(() => expect(killed.kills).toBeGreaterThan(7), waitMs);
  const last = await killed.end();
  await vi.waitFor(async () => expect(await queueNames()).toEqual(["slow-client"]), waitMs);
  expect(await last.end()).toEqual([0, null]);
  const lines = audited();
  for (const name of left) {
    expect(lines.indexOf(`unbinding: ${name}`)).toBeGreaterThanOrEqual(0);
    expect(lines.indexOf(`deleting: ${name}`)).toBeGreaterThan(lines.indexOf(`unbinding: ${name}`));
  }
  expect(lines.filter((line) => line.endsWith("slow-client"))).toEqual([]);
  const repeats = left.filter((name) => lines.filter((line) => line === `deleting: ${name}`).length > 1).length;
  console.info(
    `queue manager killed ${killed.kills} times over ${left.length} queues: 0 kept, ${repeats} audited twice`,
  );
  // One step at a time: a kill interrupts the step of one queue.
  expect(repeats).toBeLessThanOrEqual(killed.kills);
});

test("a dry run reports all steps and takes none", async () => {
  await leaveQueue("left", 30);
  const agent = startManager({ dryRun: true });
  await agent.logged("queue: would delete");
  expect(await queueNames()).toEqual(["left"]);
  expect(await api("GET", "/api/exchanges/%2F/xpublic/bindings/source")).toHaveLength(1);
  expect(audited()).toEqual(["warned: left", "would unbind: left", "would delete: left"]);
  expect((await agent.health()).text).toMatch(/^dry run; 1 queues, 1 of them/);
});

test("a quorum queue, for which RabbitMQ has no if-unused deletion, is unbound, reported, and stays", async () => {
  await leaveQueue("replicated", 30, { type: "quorum" });
  const agent = startManager();
  const kept = await agent.logged("queue: kept");
  expect(kept.reason).toMatch(/quorum queues/);
  expect(await queueNames()).toEqual(["replicated"]);
});

test("missing permissions and an unreachable broker are reported with the remedy, and the agent keeps running", async () => {
  const rights = { configure: "^$", write: "^(?!cmc\\.urp\\.)", read: "^xpublic$" };
  await api("PUT", "/api/users/reader", { password: "few rights", tags: "management" });
  await api("PUT", "/api/permissions/%2F/reader", rights);
  await leaveQueue("left", 30);
  const management = { urls: [broker.managementUrl], user: "reader", passwordFile: join(folder, "password") };
  const agent = startManager({ management });
  const failed = await agent.logged(/can't manage all queues/);
  expect(failed.reason).toMatch(/^delete of left: .* answered 40[13].*configure and write on the queues/);
  await connection.close();
  await broker.keepDeclared();
  await broker.kill();
  await vi.waitFor(async () => expect((await agent.health()).text).toContain("no management API answers"), waitMs);
  await broker.start();
  await agent.logged("queues are managed again");
  connection = await connect(broker.url);
  channel = await connection.createChannel();
  expect(await queueNames()).toEqual(["left"]);
});
