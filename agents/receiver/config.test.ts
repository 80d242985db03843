import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { configSchema } from "./config.ts";

const file = join(import.meta.dirname, "example.json");
const least = {
  broker: { hosts: ["b"], user: "u", passwordFile: "p" },
  metrics: { port: 1 },
  exchange: "cmc",
  queue: "q",
  bindingKeys: ["exp.#"],
  receiverQueueDirectory: "/rxq",
};

test("the example is a valid config, and repeats the defaults", async () => {
  const example = await loadConfig(configSchema, file, {});
  expect(example.broker.passwordFile).toBe(join(import.meta.dirname, "broker-password"));
  const { broker, metrics, exchange, queue, bindingKeys, receiverQueueDirectory, asideDirectory, rules } = example;
  expect(
    configSchema.parse({
      ...{ broker, metrics, exchange, queue, bindingKeys },
      ...{ receiverQueueDirectory, asideDirectory, rules },
    }),
  ).toEqual(example);
});

test.each([
  ["bindingKeys", { bindingKeys: [] }],
  ["bindingKeys.0", { bindingKeys: ["x".repeat(256)] }],
  ["fileMode", { fileMode: "999" }],
  ["rules.0", { rules: [{ accept: "a", reject: "b" }] }],
  ["rules.0.accept", { rules: [{ accept: "(" }] }],
  ["nameTemplate", { nameTemplate: "one" }],
  ["sameName", { sameName: "both" }],
  ["prefetch", { prefetch: 0 }],
  ["", { prefetchCount: 1 }],
])("a mistake in %s is reported with its path: %o", (path, settings) => {
  const { error } = configSchema.safeParse({ ...least, ...settings });
  expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
});
