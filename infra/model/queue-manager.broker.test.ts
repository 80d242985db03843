import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChannelModel, connect } from "amqplib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { TestedAgent } from "../../tests/rigs/tested-agent.ts";
import { parseStackConfig } from "../config/index.ts";
import { contentOf, fixtureModel, hostOf, stackValues } from "./fixture.ts";

// The agent with the config and the permissions that a stack gives it. What it does step by step is in agents/queue-manager.

const waitMs = { timeout: 100_000, interval: 200 };
/** Longer than the age of the broker's figures, a second here: a queue that is used must be seen as used. */
const graceSeconds = 8;
const limits = { messagesMax: 20, warnAfterSeconds: 6, unbindAfterSeconds: 7, deleteAfterSeconds: graceSeconds };

let broker: LocalBroker;
let folder: string;
let connection: ChannelModel;
let agent: TestedAgent | undefined;

beforeEach(async () => {
  broker = await sharedBroker();
  connection = await connect(broker.url);
  folder = mkdtempSync(join(tmpdir(), "warren-queue-manager-"));
});
afterEach(async () => {
  await agent?.kill();
  await connection.close();
  rmSync(folder, { recursive: true });
});

async function api(method: string, path: string, body?: object): Promise<unknown> {
  const login = Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64");
  const headers = { authorization: `Basic ${login}`, "content-type": "application/json" };
  const content = body ? { body: JSON.stringify(body) } : {};
  const answer = await fetch(`${broker.managementUrl}/api/${path}`, { method, headers, ...content });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  return text === "" ? undefined : JSON.parse(text);
}

async function queueNames(): Promise<string[]> {
  const queues = (await api("GET", "queues?columns=name")) as { name: string }[];
  return queues.map(({ name }) => name).toSorted();
}

/** Starts the agent as stack lab deploys it, with these limits, at the local broker. */
async function startManager(): Promise<TestedAgent> {
  const values = stackValues("lab") as { datamart: Record<string, unknown> };
  values.datamart.queueManager = { ...limits, intervalSeconds: 1, exempt: ["^partner\\."] };
  const config = parseStackConfig(values as Record<string, unknown>, "stack lab");
  const user = fixtureModel(config)
    .clusters.find(({ name }) => name === "wxo-b1")
    ?.users.find(({ name }) => name === "queue-manager");
  await api("PUT", `users/${user?.name}`, { password: user?.password, tags: user?.tags.join(",") });
  await api("PUT", `permissions/%2F/${user?.name}`, user?.permissions);
  const deployed = JSON.parse(contentOf(hostOf("wxo-b1", config), "/etc/warren/queue-manager.json"));
  const { caFile: _, ...management } = deployed.management;
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, `${user?.password}\n`);
  const here = { ...management, urls: [broker.managementUrl], passwordFile };
  const configFile = join(folder, "queue-manager.json");
  writeFileSync(configFile, JSON.stringify({ ...deployed, management: here, metrics: { port: 0 } }));
  return new TestedAgent({ agent: "queue-manager", configFile, stateDirectory: join(folder, "state") });
}

test("a stranger's unused queues are deleted after the grace, whatever their names; the stack's, exempt and used ones stay", async () => {
  const channel = await connection.createChannel();
  for (const exchange of ["cmc", "xpublic", "q_anonymous.own"])
    await channel.assertExchange(exchange, "topic", { durable: true });
  const strangers = ["cmc.x", "cmc.urp.pull", "cmc.receiver.urls2", "q_anonymous.left", "cmcx"];
  const others = ["cmc.receiver.urls", "cmc.bridge.sr3-posts", "cmc.urp.dead", "partner.archive", "cmc.used"];
  for (const name of [...strangers, ...others, "cmc.small"]) {
    await channel.assertQueue(name, { durable: true });
    for (const exchange of ["cmc", "xpublic", "q_anonymous.own"]) await channel.bindQueue(name, exchange, "#");
    const count = name === "cmc.small" ? 20 : 21;
    for (let sent = 0; sent < count; sent += 1) channel.sendToQueue(name, Buffer.from("x"));
  }
  await channel.prefetch(1);
  await channel.consume("cmc.used", () => {});
  const startMs = Date.now();
  agent = await startManager();
  const left = [...others, "cmc.small"].toSorted();
  await vi.waitFor(async () => expect(await queueNames()).toEqual(left), waitMs);
  expect(Date.now() - startMs).toBeGreaterThan(graceSeconds * 1000);
  // The same time again, to see that the others stay.
  const polls = await agent.metric("looks_total");
  await vi.waitFor(
    async () => expect(await agent?.metric("looks_total")).toBeGreaterThan(polls + graceSeconds),
    waitMs,
  );
  expect(await queueNames()).toEqual(left);
  const health = await agent.health();
  expect(health).toMatchObject({ ok: true, watched: [] });
  expect(health.removed?.map(({ queue }) => queue).toSorted()).toEqual(strangers.toSorted());
});
