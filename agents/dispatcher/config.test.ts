import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { configSchema } from "./config.ts";
import { topologyOf } from "./topology.ts";

const example = join(import.meta.dirname, "example.json");

test("the example is a config, names queues and topics as the source does, and leaves the virtual IP out", async () => {
  const config = await loadConfig(configSchema, example);
  expect(config).toMatchObject({ exchange: "cmc", inputTopic: "v00.urp.input", notifyTopic: "v00.urp.notify" });
  expect(config.broker.passwordFile).toBe(join(import.meta.dirname, "broker-password"));
  expect(config.vip).toBeUndefined();
});

test("what the example sets beyond the broker is what is taken when it is left out", async () => {
  const { broker, metrics, ...rest } = await loadConfig(configSchema, example);
  expect(configSchema.parse({ broker, metrics })).toEqual({ broker, metrics, ...rest });
});

test("the input queue feeds one consumer at a time; the output queue takes everything dispatched", async () => {
  const { queues } = topologyOf(await loadConfig(configSchema, example));
  expect(queues).toContainEqual({
    name: "cmc.urp.input",
    arguments: { "x-single-active-consumer": true },
    bindings: [{ exchange: "cmc", pattern: "v00.urp.input.#" }],
  });
  expect(queues).toContainEqual({
    name: "cmc.urp.pull",
    bindings: [{ exchange: "cmc", pattern: "v00.urp.notify.#" }],
  });
});

test.each([
  ["a wildcard in a topic", { inputTopic: "v00.urp.#" }],
  ["a name where an address belongs", { vip: { address: "bunny-op" } }],
  ["a window of nothing", { dedupWindowSeconds: 0 }],
])("%s is refused", (_, own) => {
  const broker = { hosts: ["127.0.0.1:5672"], user: "feeder", passwordFile: "x" };
  expect(configSchema.safeParse({ broker, metrics: { port: 0 }, ...own }).success).toBe(false);
});
