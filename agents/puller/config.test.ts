import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { configSchema } from "./config.ts";

const file = join(import.meta.dirname, "example.json");

test("the example is a valid config, and sets only defaults where there are any", async () => {
  const example = await loadConfig(configSchema, file, {});
  expect(example.broker.passwordFile).toBe(join(import.meta.dirname, "broker-password"));
  const { broker, metrics, receiverQueueDirectory, allowedHosts } = example;
  expect(configSchema.parse({ broker, metrics, receiverQueueDirectory, allowedHosts })).toEqual(example);
});
