import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { configSchema, ledgerQueueOf, prefetchMin, sharesOf } from "./config.ts";
import { topologyOf } from "./topology.ts";
import { requestsKept } from "./waiting-requests.ts";

const example = join(import.meta.dirname, "example.json");

test("the example is a valid config, names queues and topics like the source, and omits the virtual IP", async () => {
  const config = await loadConfig(configSchema, example);
  expect(config).toMatchObject({ exchange: "cmc", inputTopic: "v00.urp.input", notifyTopic: "v00.urp.notify" });
  expect(config.broker.passwordFile).toBe(join(import.meta.dirname, "broker-password"));
  expect(config.vip).toBeUndefined();
});

test("apart from the broker, the example sets the defaults", async () => {
  const { broker, metrics, ...rest } = await loadConfig(configSchema, example);
  expect(configSchema.parse({ broker, metrics })).toEqual({ broker, metrics, ...rest });
});

test("the input queue feeds one consumer at a time; output queues receive what is dispatched, the ledger everything published", async () => {
  const { queues } = topologyOf({ ...(await loadConfig(configSchema, example)), hostName: "bunny1" });
  const bind = (...patterns: string[]) => patterns.map((pattern) => ({ exchange: "cmc", pattern }));
  expect(queues).toContainEqual({
    name: "cmc.urp.input",
    arguments: { "x-single-active-consumer": true },
    bindings: bind("v00.urp.input.#", "v00.urp.alternate.#"),
  });
  expect(queues).toContainEqual({ name: "cmc.urp.pull", bindings: bind("v00.urp.notify.#", "v00.urp.twin.#") });
  expect(queues).toContainEqual({
    name: "cmc.urp.ledger.bunny1",
    arguments: { "x-message-ttl": 7_200_000, "x-single-active-consumer": true },
    bindings: bind(
      ...["v00.urp.notify.#", "v00.urp.twin.#", "v00.urp.alternate.#"],
      ...["v00.urp.pulled", "v00.urp.marker.bunny1"],
    ),
    renewable: true,
    keptMessages: 1,
  });
});

test("a ledger without a configured name is named after the host, so that two hosts never share one", async () => {
  const config = await loadConfig(configSchema, example);
  expect(ledgerQueueOf(config)).toBe(`cmc.urp.ledger.${hostname()}`);
  expect(ledgerQueueOf({ ...config, hostName: "bunny2" })).toBe("cmc.urp.ledger.bunny2");
  expect(ledgerQueueOf({ ...config, ledgerQueue: "cmc.own" })).toBe("cmc.own");
});

test("however small the prefetch, something may be published, and unconfirmed deliveries and requests together leave room", async () => {
  const config = await loadConfig(configSchema, example);
  for (const prefetch of [prefetchMin, 9, 500, 2000, 10_000]) {
    const { publishingMax, doubtsMax, alternatesWaitingMax } = sharesOf({ ...config, prefetch });
    expect(Math.min(publishingMax, doubtsMax, alternatesWaitingMax)).toBeGreaterThan(0);
    expect(doubtsMax + alternatesWaitingMax * requestsKept).toBeLessThan(prefetch);
  }
  expect(sharesOf({ ...config, prefetch: 2000 }).alternatesWaitingMax).toBe(166);
  expect(sharesOf({ ...config, prefetch: 10_000 }).alternatesWaitingMax).toBe(200);
});

test("the smallest values go together, and so do the largest", () => {
  const broker = { hosts: ["127.0.0.1:5672"], user: "feeder", passwordFile: "x" };
  const smallest = { prefetch: 8, entriesMax: 1000, confirmTimeoutMs: 1000, retryDelayMinMs: 5000 };
  for (const own of [smallest, { prefetch: 10_000, entriesMax: 10_000 }]) {
    expect(configSchema.safeParse({ broker, metrics: { port: 0 }, ...own }).success).toBe(true);
  }
});

test.each([
  ["a wildcard in a topic", { inputTopic: "v00.urp.#" }],
  ["a name where an address belongs", { vip: { address: "bunny-op" } }],
  ["a window of zero", { dedupWindowSeconds: 0 }],
  ["a topic within another one", { twinTopic: "v00.urp.notify.twin" }],
  ["the same topic twice", { twinTopic: "v00.urp.notify" }],
  ["a prefetch that waiting requests use up", { prefetch: 7 }],
  ["a table that unacknowledged announcements alone would fill", { entriesMax: 1999 }],
  ["a table for a handful of products", { entriesMax: 999, prefetch: 8 }],
  ["a confirm timeout too short for a loaded broker", { confirmTimeoutMs: 999 }],
  ["a shortest pause longer than the longest", { retryDelayMinMs: 5001 }],
  ["an unconfirmed delivery held beyond its limit", { doubtSeconds: 1300 }],
  ["several output queues whose pullers send receipts", { outputQueues: ["cmc.a", "cmc.b"] }],
])("%s is refused", (_, own) => {
  const broker = { hosts: ["127.0.0.1:5672"], user: "feeder", passwordFile: "x" };
  expect(configSchema.safeParse({ broker, metrics: { port: 0 }, ...own }).success).toBe(false);
});
