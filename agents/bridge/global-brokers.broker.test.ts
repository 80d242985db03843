import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useAgentTests } from "../../tests/rigs/agent-tests.ts";
import { Mosquitto } from "../../tests/rigs/mosquitto.ts";
import { type ProductServer, serveProducts } from "../../tests/rigs/product-server.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { KilledAgent, type TestedAgent } from "../../tests/rigs/tested-agent.ts";
import { consume } from "../lib/consumer.ts";
import { deadLetterQueue, deadLetterTopology, joinTopologies } from "../lib/topology.ts";

const chosen = seededChoices();
const productsCount = 150;
/** On an idle machine these take seconds; the limits are for a busy one. */
const waitMs = { timeout: 100_000, interval: 50 };
const log = pino({ level: "silent" });
const baseUrl = "http://dd1.weather.gc.ca/wis2/";
const centre = "br-inmet/data/core/weather/surface-based-observations/synop";

const tests = useAgentTests("bridge");
/** They play two Global Brokers. */
let brokers: Mosquitto[] = [];
let publishers: MqttClient[] = [];
let cache: ProductServer;
/** What a subscriber received: the path, and whether it was marked as a possible repeat. */
let received: { readonly path: string; readonly again: boolean }[] = [];
let dead: unknown[] = [];
let testsCount = 0;

beforeEach(async () => {
  received = [];
  dead = [];
  testsCount += 1;
  brokers = [await Mosquitto.start(), await Mosquitto.start()];
  publishers = await Promise.all(
    brokers.map(({ url }) => connectAsync(url, { protocolVersion: 5, reconnectPeriod: 50 })),
  );
  for (const name of ["cache", "placed"]) mkdirSync(join(tests.folder, name));
  cache = await serveProducts(join(tests.folder, "cache"));
  const queue = `client-${testsCount}`;
  const session = await tests.connect(
    joinTopologies(deadLetterTopology, {
      exchanges: [{ name: "xpublic", type: "topic" }],
      queues: [{ name: queue, bindings: [{ exchange: "xpublic", pattern: "v03.#" }] }],
    }),
  );
  consume({
    ...{ session, queue, prefetch: 200, log, agent: "test" },
    handle: ({ body, marks }) => {
      const { baseUrl: at, relPath } = JSON.parse(body.toString());
      expect(at).toBe(baseUrl);
      received.push({ path: relPath, again: marks.again === true });
      return "ack";
    },
  });
  consume({
    ...{ session, queue: deadLetterQueue, prefetch: 200, log, agent: "test" },
    handle: ({ headers }) => {
      dead.push(headers["x-dead-reason"]);
      return "ack";
    },
  });
});

afterEach(async () => {
  await tests.killAgents();
  for (const publisher of publishers) await publisher.endAsync(true);
  for (const broker of brokers) await broker.stop();
  await cache.close();
});

function startBridge(): TestedAgent {
  return tests.start({
    ...{ broker: tests.brokerSettings, metrics: { port: 0 }, queue: `cmc.bridge.wis-in-${testsCount}` },
    from: {
      ...{ format: "wis", exchange: `xs_wis2-${testsCount}`, topicPrefix: "wis2" },
      globalBrokers: {
        brokers: brokers.map(({ url }) => ({ url })),
        topics: ["cache/a/wis2/+/data/core/weather/#", "origin/a/wis2/+/data/core/weather/#"],
        clientId: "ca-eccc-msc-test",
      },
      fetch: {
        productDirectory: join(tests.folder, "placed"),
        ...{ baseUrl, allowedHosts: ["127.0.0.1"], retriesMax: 1, retryDelayMinMs: 10, retryDelayMaxMs: 100 },
        reportBy: "ca-eccc-msc-global-cache",
      },
    },
    to: [{ format: "v03", exchange: "xpublic", topicPrefix: "v03" }],
  });
}

const digest = (content: string) => createHash("sha512").update(content).digest("base64");

/** A notification of a product that the cache has. */
function notification(name: string, own: object = {}, href = `${cache.baseUrl}${name}.bufr`) {
  const content = `content of ${name}`;
  writeFileSync(join(tests.folder, `cache/${name}.bufr`), content);
  return JSON.stringify({
    id: randomUUID(),
    conformsTo: ["http://wis.wmo.int/spec/wnm/1/conf/core"],
    ...{ type: "Feature", geometry: null },
    properties: {
      ...{ pubtime: "2026-08-09T17:09:20Z", datetime: null, data_id: `wis2/${centre}/${name}` },
      ...{ integrity: { method: "sha512", value: digest(content) }, ...own },
    },
    links: [{ rel: "canonical", href, length: content.length }],
  });
}

const topicOf = (channel: "cache" | "origin") => `${channel}/a/wis2/${centre}`;
const pathOf = (name: string) => `wis2/${centre}/${name}.bufr`;
const nameOf = (count: number) => `WIGOS_0-20000-0-${count}`;

async function notify(body: string, channel: "cache" | "origin" = "cache"): Promise<void> {
  await Promise.all(publishers.map((publisher) => publisher.publishAsync(topicOf(channel), body, { qos: 1 })));
}

test("two Global Brokers notify of each product, the bridge is killed and a broker restarts: each product arrives once", async () => {
  const first = startBridge();
  await first.logged({ event: "ready" });
  await vi.waitFor(() => expect(first.lines.filter(({ msg }) => msg === "subscribed")).toHaveLength(2), waitMs);
  await first.kill();
  const killed = new KilledAgent(startBridge, () => 300 + chosen(500));
  for (let count = 0; count < productsCount; count += 1) {
    await notify(notification(nameOf(count)));
    if (count === productsCount / 2) {
      await brokers[0]?.pause();
      await brokers[0]?.resume();
    }
  }
  await vi.waitFor(() => expect(new Set(received.map(({ path }) => path)).size).toBe(productsCount), waitMs);
  await vi.waitFor(() => expect(killed.kills).toBeGreaterThan(2), waitMs);
  const agent = await killed.end();
  await agent.logged({ event: "ready" });
  // Each broker still holds what was not acked; this comes after it.
  await notify(notification("last"));
  await vi.waitFor(() => expect(received.map(({ path }) => path)).toContain(pathOf("last")), waitMs);
  const seen = new Set<string>();
  const unmarked = received.filter(({ path, again }) => seen.size === seen.add(path).size && !again);
  expect(unmarked).toEqual([]);
  expect(dead).toEqual([]);
  for (let count = 0; count < productsCount; count += 1) {
    const content = readFileSync(join(tests.folder, "placed", pathOf(nameOf(count))), "utf8");
    expect(content).toBe(`content of ${nameOf(count)}`);
  }
  console.info(
    `bridge killed ${killed.kills} times over ${productsCount} products: 0 lost, ${received.length - seen.size} repeated, each marked`,
  );
});

test("a product from the origin and from a cache, with another id, arrives once; one that embeds its content is not fetched", async () => {
  const agent = startBridge();
  await vi.waitFor(() => expect(agent.lines.filter(({ msg }) => msg === "subscribed")).toHaveLength(2), waitMs);
  await notify(notification("twice"), "origin");
  await notify(notification("twice"), "cache");
  const value = Buffer.from("content of embedded").toString("base64");
  const content = { encoding: "base64", size: 19, value };
  await notify(notification("embedded", { content }, "https://unknown.example/embedded.bufr"));
  // In either order: one of them has to be fetched first.
  const both = [pathOf("embedded"), pathOf("twice")];
  await vi.waitFor(() => expect(received.map(({ path }) => path).toSorted()).toEqual(both), waitMs);
  await vi.waitFor(async () => expect(await agent.metric("repeated_total")).toBe(4), waitMs);
  expect(await agent.metric('fetched_total{how="embedded"}')).toBe(1);
  expect(await agent.metric('fetched_total{how="fetched"}')).toBe(1);
  expect(await agent.metrics()).toContain(
    'wmo_wis2_gc_downloaded_total{centre_id="br-inmet",report_by="ca-eccc-msc-global-cache"} 2\n',
  );
  expect(await agent.metrics()).toMatch(/warren_bridge_global_broker_connected\{broker="mqtt:\/\/127[^"]+"\} 1/);
  expect(await agent.health()).toMatchObject({ agent: "bridge", ok: true, done: 2 });
  expect(await agent.end()).toEqual([0, null]);
});

test("a product that is not what was announced becomes a dead letter, with the reason, and the next one arrives", async () => {
  const agent = startBridge();
  await vi.waitFor(() => expect(agent.lines.filter(({ msg }) => msg === "subscribed")).toHaveLength(2), waitMs);
  const integrity = (value: string) => ({ integrity: { method: "sha512", value } });
  const [publisher] = publishers;
  for (const body of [
    notification("other", integrity(digest("other content"))),
    notification("never", integrity("A2KNxvks...S8qfSCw==")),
    notification("gone", {}, `${cache.baseUrl}nothing.bufr`),
    notification("stranger", {}, "http://127.0.0.2/stranger.bufr"),
    notification("climbs", { data_id: "wis2/../../climbs" }),
    "garbage",
    notification("good"),
  ])
    await publisher?.publishAsync(topicOf("cache"), body, { qos: 1 });
  await publisher?.publishAsync(`${topicOf("cache")}/${"x".repeat(250)}`, "key too long", { qos: 1 });
  await publisher?.publishAsync(topicOf("cache"), Buffer.alloc(8193), { qos: 1 });
  await vi.waitFor(() => expect(received.map(({ path }) => path)).toEqual([pathOf("good")]), waitMs);
  await vi.waitFor(() => expect(dead).toHaveLength(6), waitMs);
  expect(dead.toSorted()).toEqual([
    "body is not JSON",
    expect.stringMatching(/climbs.bufr can't be fetched: the data id is no path: path has a "\.\." part/),
    expect.stringMatching(/never.bufr can't be fetched: no content has the announced sha512/),
    expect.stringMatching(/nothing.bufr can't be fetched: the server does not have the product \(404\)/),
    expect.stringMatching(/other.bufr can't be fetched: its sha512 is not the announced one/),
    expect.stringMatching(/stranger.bufr can't be fetched: 127.0.0.2 is not among allowedHosts/),
  ]);
  expect(existsSync(join(tests.folder, "placed", pathOf("other")))).toBe(false);
  await vi.waitFor(async () => expect(await agent.metric(`unfit_total{broker="${brokers[0]?.url}"}`)).toBe(2), waitMs);
  expect(await agent.metric('fetch_failed_total{cause="integrity"}')).toBe(4);
  const labels = '{centre_id="br-inmet",report_by="ca-eccc-msc-global-cache"}';
  expect(await agent.metrics()).toContain(`wmo_wis2_gc_integrity_failed_total${labels} 4\n`);
  expect(await agent.metrics()).toContain(`wmo_wis2_gc_downloaded_errors_total${labels} 4\n`);
});
