import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { configSchema } from "./config.ts";

const from = { format: "v03", exchange: "xpublic", topicPrefix: "v03" };
const to = [{ format: "exp", exchange: "cmc", topicPrefix: "exp.dd.notify" }];
const least = { broker: { hosts: ["b"], user: "u", passwordFile: "p" }, metrics: { port: 1 }, queue: "q", from, to };

test("the example is a valid config, and repeats the defaults", async () => {
  const example = await loadConfig(configSchema, join(import.meta.dirname, "example.json"), {});
  const { broker, metrics, queue, from, to } = example;
  expect(configSchema.parse({ broker, metrics, queue, from, to })).toEqual(example);
});

test.each([
  ["to", { to: [] }],
  ["to.0.format", { to: [{ ...to[0], format: "v01" }] }],
  ["to.0", { to: [{ ...to[0], keyOf: "content" }] }],
  ["from.topicPrefix", { from: { ...from, topicPrefix: "v03.#" } }],
  ["prefetch", { prefetch: 0 }],
  ["", { queues: ["q"] }],
])("a mistake in %s is reported with its path: %o", (path, settings) => {
  const { error } = configSchema.safeParse({ ...least, ...settings });
  expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
});

test.each([
  ["the same topic", "v03", false],
  ["a topic below it", "v03.more", false],
  ["a topic that only starts with the same letters", "v03x", true],
])("to %s of the exchange that it consumes from, %s: allowed is %s", (_, topicPrefix, isGood) => {
  const echo = { format: "v02", exchange: "xpublic", topicPrefix };
  expect(configSchema.safeParse({ ...least, to: [echo] }).success).toBe(isGood);
  expect(configSchema.safeParse({ ...least, to: [{ ...echo, exchange: "cmc" }] }).success).toBe(true);
  expect(configSchema.safeParse({ ...least, to: [echo], toBroker: least.broker }).success).toBe(true);
});

const wis = { format: "wis", exchange: "xpublic", centre: "ca-eccc-msc", topics: [{ topic: "weather/aviation" }] };

test.each([
  ["to.0.centre", { centre: "eccc" }],
  ["to.0.topics", { topics: [] }],
  ["to.0.topics", { topics: [...wis.topics, ...wis.topics] }],
  ["to.0.topics.0.topic", { topics: [{ topic: "weather" }] }],
  ["to.0.topics.0.topic", { topics: [{ topic: "weather/Radar" }] }],
  ["to.0.topics.0.topic", { topics: [{ topic: "weather/a.b" }] }],
  ["to.0.topics.0.folder", { topics: [{ folder: "/radar", topic: "weather/aviation" }] }],
  ["to.0.topics.0.policy", { topics: [{ policy: "secret", topic: "weather/aviation" }] }],
  ["to.0.topics.0.metadataId", { topics: [{ metadataId: "radar", topic: "weather/aviation" }] }],
  ["to.0.sites.XSS.latitude", { sites: { XSS: { longitude: 0, latitude: 91 } } }],
  ["to.0", { topicPrefix: "v03" }],
])("a mistake in the rules of WIS2, in %s, is reported with its path: %o", (path, own) => {
  const { error } = configSchema.safeParse({ ...least, to: [{ ...wis, ...own }] });
  expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
});

test("a bridge may read all of WIS2 and announce its own only on another exchange", () => {
  const all = { format: "wis", exchange: "xpublic", topicPrefix: "origin.a.wis2" };
  const { error } = configSchema.safeParse({ ...least, from: all, to: [wis] });
  expect(error?.issues.map((issue) => issue.path.join("."))).toEqual(["to.0.exchange"]);
  expect(configSchema.safeParse({ ...least, from: { ...all, exchange: "in" }, to: [wis] }).success).toBe(true);
});
