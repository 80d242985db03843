import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { configSchema } from "./config.ts";

const file = join(import.meta.dirname, "example.json");
const least = {
  broker: { hosts: ["b"], user: "u", passwordFile: "p" },
  metrics: { port: 1 },
  rootDirectory: "/dd",
  baseUrl: "http://dd/",
};

test("the example is a valid config, and repeats the defaults", async () => {
  const example = await loadConfig(configSchema, file, {});
  expect(example.broker.passwordFile).toBe(join(import.meta.dirname, "broker-password"));
  const { broker, metrics, rootDirectory, baseUrl } = example;
  expect(configSchema.parse({ broker, metrics, rootDirectory, baseUrl })).toEqual(example);
});

test("by default it watches the two trees of the original system, and announces URLs and for sr3", () => {
  const { trees, exchange, formats, topicPrefixes } = configSchema.parse(least);
  expect(trees).toEqual(["citypage_weather", "marine_weather"]);
  expect(exchange).toBe("xpublic");
  expect(formats.map((format) => topicPrefixes[format])).toEqual(["exp.dd.notify", "v02.post", "v03"]);
});

test.each([
  ["baseUrl", { baseUrl: "dd" }],
  ["trees", { trees: ["a", "a/b"] }],
  ["trees", { trees: ["a", "a"] }],
  ["trees.0", { trees: ["../a"] }],
  ["trees.0", { trees: ["/a"] }],
  ["trees.0", { trees: ["a/"] }],
  ["formats", { formats: ["v02", "v02"] }],
  ["formats.0", { formats: ["v01"] }],
  ["accept.0", { accept: ["("] }],
  ["topicPrefixes", { topicPrefixes: { v04: "v04" } }],
  ["", { settle: 1 }],
])("a mistake in %s is reported with its path: %o", (path, settings) => {
  const { error } = configSchema.safeParse({ ...least, ...settings });
  expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
});

test("a tree whose name starts with another tree's name is not inside it", () => {
  expect(configSchema.safeParse({ ...least, trees: ["a", "ab", "c/d"] }).success).toBe(true);
});
