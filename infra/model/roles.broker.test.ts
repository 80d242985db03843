import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Channel, type ChannelModel, connect } from "amqplib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { logEvents } from "../../agents/lib/log-events.ts";
import { replyCodeOf } from "../../agents/lib/own-channel.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { TestedAgent } from "../../tests/rigs/tested-agent.ts";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { type AgentRole, agentRoles } from "../config/roles.ts";
import { contentOf, fixtureModel, hostOf, stackValues } from "./fixture.ts";
import { type Needs, needsOf } from "./roles.ts";
import type { ClusterModel } from "./types.ts";

// Logs in as each role's user to a real broker with all objects of stack lab. What the role's agents do is allowed; everything else is refused.

/** Stack lab, whose radar path has the old permissions, with users of the roles everywhere, and monitoring events. */
function configWithRoles(): StackConfig {
  const values = stackValues("lab");
  const brokers = values.brokers as Record<string, object>;
  const monitor = { ...(values.monitor as object), events: { broker: "wxo-b1", centre: "ca-eccc-msc" } };
  const bunny = { ...brokers.bunny, roles: true };
  return parseStackConfig({ ...values, monitor, brokers: { ...brokers, bunny } }, "lab");
}

const config = configWithRoles();
const model = fixtureModel(config);
const clusterOf = (name: string): ClusterModel => {
  const found = model.clusters.find((one) => one.name === name);
  if (!found) throw new TypeError(`no cluster ${name}`);
  return found;
};

let broker: LocalBroker;
let admin: ChannelModel;
const closing: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  broker = await sharedBroker();
  admin = await connect(broker.url);
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await admin.close();
});

async function put(path: string, body: object): Promise<void> {
  const login = Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64");
  const headers = { authorization: `Basic ${login}`, "content-type": "application/json" };
  const answer = await fetch(`${broker.managementUrl}/api/${path}`, {
    ...{ method: "PUT", headers, body: JSON.stringify(body) },
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

/** The users and exchanges that the stack creates at a cluster. */
async function create(cluster: ClusterModel): Promise<void> {
  const channel = await admin.createChannel();
  for (const { name, type } of cluster.exchanges) await channel.assertExchange(name, type, { durable: true });
  for (const { name, password, permissions, topicPermissions = [] } of cluster.users) {
    await put(`users/${name}`, { password, tags: "" });
    for (const one of topicPermissions) await put(`topic-permissions/%2F/${name}`, one);
    if (permissions) await put(`permissions/%2F/${name}`, permissions);
  }
}

const stranger = "a stranger's";
const deadLetters = "cmc.dead";

/** What agents declare, and a stranger's queue at every exchange, with a message in each queue. */
async function declareAll(cluster: ClusterModel): Promise<void> {
  const channel = await admin.createChannel();
  await channel.assertExchange(deadLetters, "topic", { durable: true });
  await channel.assertExchange(stranger, "topic", { durable: true });
  for (const name of [...cluster.agentQueues.map((queue) => queue.name), stranger]) {
    await channel.assertQueue(name, { durable: true });
    for (const exchange of [deadLetters, stranger, ...cluster.exchanges.map((one) => one.name)])
      await channel.bindQueue(name, exchange, "held");
    channel.sendToQueue(name, Buffer.from("held"));
  }
}

/** Whether the broker permits an operation, on a channel of its own. Other refusals come only after the permission. */
async function isPermitted(connection: ChannelModel, operation: (channel: Channel) => unknown): Promise<boolean> {
  const channel = await connection.createChannel();
  const failed = new Promise<unknown>((resolve) => channel.on("error", resolve));
  try {
    await operation(channel);
    // The broker refuses a message before it answers this.
    await channel.checkExchange("amq.topic");
    await channel.close();
    return true;
  } catch (error) {
    const code = replyCodeOf(error) ?? replyCodeOf(await failed);
    if (code === 403) return false;
    if (code === 406) return true;
    throw error;
  }
}

const topics = [
  ...["v00.urp.input.a.b", "v00.urp.announced", "v00.urp.notify.a.b", "v00.urp.twin.a.b", "v00.urp.alternate.a.b"],
  ...["v00.urp.pulled", "v00.urp.peers", "v00.urp.marker.bunny1", "v00.urp.inputs", "exp.dd.notify.a", "v02.post.a"],
  ...["v03.post.a", "v03.a", "v00.dd.notify.a", "monitor.a.wis2.ca-eccc-msc", "something.else", ""],
];

/** Whether the table says that a role publishes under a topic. */
const publishes = (needs: Needs, exchange: string, topic: string): boolean =>
  needs.publishes.some(
    (one) =>
      one.exchange === exchange &&
      (one.topics === "any" || one.topics.some((prefix) => `${topic}.`.startsWith(`${prefix}.`))),
  );

const hears = (needs: Needs, exchange: string, key: string): boolean =>
  needs.hears.some((one) => one.exchange === exchange && (one.topics === "any" || one.topics.includes(key)));

describe.each(["bunny", "wxo-b1"])("at %s", (name) => {
  const cluster = clusterOf(name);
  const roles = agentRoles.filter((role) => needsOf(config, name, role));

  it.each(roles)("%s may do what the table says, and nothing else", { timeout: 120_000 }, async (role) => {
    const needs = needsOf(config, name, role) as Needs;
    await create(cluster);
    await declareAll(cluster);
    const user = cluster.users.find((one) => one.name === role);
    const { hostname, port } = new URL(broker.url);
    const login = { username: role, password: user?.password ?? "" };
    const connection = await connect({ hostname, port: Number(port), ...login });
    connection.on("error", () => {});
    closing.push(() => connection.close());
    const created = cluster.exchanges.map((one) => one.name);
    const exchanges = [...created, deadLetters, stranger];
    const queues = [...cluster.agentQueues.map((queue) => queue.name), stranger];
    const keys = [...new Set([...cluster.agentQueues.flatMap(({ bindings }) => bindings.map(({ key }) => key)), "#"])];
    const owns = (object: string) => needs.declares.includes(object) && !created.includes(object);
    const did: Record<string, boolean> = {};
    const due: Record<string, boolean> = {};
    const attempt = async (what: string, expected: boolean, operation: (channel: Channel) => unknown) => {
      due[what] = expected;
      did[what] = await isPermitted(connection, operation);
    };
    for (const exchange of exchanges) {
      await attempt(`declare exchange ${exchange}`, owns(exchange), (channel) =>
        channel.assertExchange(exchange, "topic", { durable: true }),
      );
      // It is in use, so a permitted deletion fails, too.
      await attempt(`delete exchange ${exchange}`, owns(exchange), (channel) =>
        channel.deleteExchange(exchange, { ifUnused: true }),
      );
      for (const topic of topics) {
        await attempt(`publish ${topic} to ${exchange}`, publishes(needs, exchange, topic), (channel) =>
          channel.publish(exchange, topic, Buffer.from("x")),
        );
      }
    }
    for (const queue of queues) {
      await attempt(`publish to ${queue} by the default exchange`, false, (channel) =>
        channel.sendToQueue(queue, Buffer.from("x")),
      );
      await attempt(`declare queue ${queue}`, owns(queue), (channel) => channel.assertQueue(queue));
      // It has a message, so a permitted deletion fails, too.
      await attempt(`delete queue ${queue}`, owns(queue), (channel) => channel.deleteQueue(queue, { ifEmpty: true }));
      await attempt(`read queue ${queue}`, needs.consumes.includes(queue), (channel) => channel.get(queue));
      const isBound = needs.binds.includes(queue);
      for (const exchange of exchanges) {
        // A queue that isn't the role's is refused whatever the key is, if a key is that the role may bind elsewhere.
        const heard = keys.find((key) => hears(needs, exchange, key));
        for (const key of isBound ? keys : [heard ?? "#"]) {
          const expected = isBound && hears(needs, exchange, key);
          await attempt(`bind ${queue} to ${exchange} by ${key}`, expected, (channel) =>
            channel.bindQueue(queue, exchange, key),
          );
        }
      }
      await attempt(`purge queue ${queue}`, needs.consumes.includes(queue), (channel) => channel.purgeQueue(queue));
    }
    await attempt("declare a new queue", false, (channel) => channel.assertQueue("cmc.new"));
    await attempt("declare a new exchange", false, (channel) => channel.assertExchange("cmc.new", "topic"));
    await attempt("have a queue of its own", needs.temporary === true, (channel) =>
      channel.assertQueue("", { exclusive: true }),
    );
    expect(did).toEqual(due);
    expect(Object.values(due).filter(Boolean).length).toBeGreaterThan(0);
  });
});

describe("an agent with the config and the user that stack lab gives it", () => {
  const rows: [AgentRole, string, string][] = [
    ["dispatcher", "bunny1", "dispatcher"],
    ["announcer", "urp-1", "announcer"],
    ["puller", "pds-1", "puller"],
    ["auditor", "px-1", "auditor"],
    ["receiver", "px-1", "receiver-urls"],
    ["bridge", "wxo-b1", "bridge-sr3-posts"],
    ["watcher", "wxo-b1", "watcher"],
    ["sender", "px-1", "dd-notify"],
    ["monitor", "px-1", "monitor"],
  ];
  it.each(rows)("%s connects, and declares what is missing", { timeout: 120_000 }, async (role, host, name) => {
    const isPublic = ["receiver", "bridge", "watcher", "sender", "monitor"].includes(role);
    const cluster = clusterOf(isPublic ? "wxo-b1" : "bunny");
    await create(cluster);
    if (role === "puller" || role === "auditor") await declareAll(cluster);
    if (role === "auditor") await (await admin.createChannel()).deleteQueue("cmc.urp.audit.px-1");
    const folder = mkdtempSync(join(tmpdir(), "warren-roles-"));
    const text = contentOf(hostOf(host, config), `/etc/warren/${name}.json`).replaceAll('"/apps/', `"${folder}/apps/`);
    const { broker: deployed, metrics: _, vip: __, ...own } = JSON.parse(text);
    for (const [key, value] of Object.entries(own))
      if (/Directory$/.test(key)) mkdirSync(String(value), { recursive: true });
    for (const tree of own.trees ?? []) mkdirSync(join(own.rootDirectory, tree), { recursive: true });
    const { tls: ___, ...rest } = deployed;
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, cluster.users.find((user) => user.name === deployed.user)?.password ?? "");
    const here = { ...rest, hosts: [new URL(broker.url).host], passwordFile };
    const configFile = join(folder, "config.json");
    writeFileSync(configFile, JSON.stringify({ ...own, broker: here, metrics: { port: 0 } }));
    const agent = new TestedAgent({ agent: role, configFile, stateDirectory: join(folder, "state") });
    closing.push(async () => {
      await agent.kill();
      rmSync(folder, { recursive: true });
    });
    expect(deployed.user).toBe(role);
    await agent.logged({ event: logEvents.brokerConnected });
    // There are further connections, such as the one for dead letters.
    await expect.poll(async () => (await agent.health()).connected, { timeout: 30_000, interval: 100 }).toBe(true);
    const refused = agent.lines.filter((line) => /ACCESS_REFUSED|\b403 \(/.test(JSON.stringify(line)));
    expect(refused).toEqual([]);
  });
});
