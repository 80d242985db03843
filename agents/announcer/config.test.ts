import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { configSchema } from "./config.ts";

const file = join(import.meta.dirname, "example.json");

test("the example is a valid config, and repeats the defaults", async () => {
  const example = await loadConfig(configSchema, file, {});
  expect(example.broker.passwordFile).toBe(join(import.meta.dirname, "broker-password"));
  const { broker, metrics, rootDirectory, baseUrl } = example;
  expect(configSchema.parse({ broker, metrics, rootDirectory, baseUrl })).toEqual(example);
});

test("all mistakes are reported at once, each with its path", async () => {
  const parsed = configSchema.safeParse({
    broker: { hosts: ["b"], user: "u", passwordFile: "p" },
    metrics: { port: 1 },
    rootDirectory: "/db",
    baseUrl: "urp-1",
    pathPrefix: "a/b",
    reject: ["("],
    rescanWindow: 1,
  });
  expect(parsed.error?.issues.map(({ path }) => path.join("."))).toEqual(["pathPrefix", "baseUrl", "reject.0", ""]);
});
