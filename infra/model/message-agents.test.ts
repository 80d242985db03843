import { describe, expect, it } from "vitest";
import { configSchema as bridgeSchema } from "../../agents/bridge/config.ts";
import { ConfigError } from "../../agents/lib/errors.ts";
import { configSchema as receiverSchema } from "../../agents/receiver/config.ts";
import { parseStackConfig } from "../config/index.ts";
import { contentOf, fixtureConfig, hostOf, stackValues } from "./fixture.ts";
import { needsOf } from "./roles.ts";

const readConfig = (host: string, name: string, stack: string) =>
  JSON.parse(contentOf(hostOf(host, fixtureConfig(stack)), `/etc/warren/${name}.json`));

describe.each(["lab", "lab4"])("stack %s", (stack) => {
  it("has a receiver and a bridge with configs that the agents accept, each with its own queue and port", () => {
    const receiver = readConfig("px-1", "receiver-urls", stack);
    expect(receiverSchema.safeParse(receiver).error?.issues).toBeUndefined();
    expect(receiver).toMatchObject({ queue: "cmc.receiver.urls", receiverQueueDirectory: "/apps/px/rxq/urls" });
    const bridge = readConfig("wxo-b1", "bridge-sr3-posts", stack);
    expect(bridgeSchema.safeParse(bridge).error?.issues).toBeUndefined();
    expect(bridge).toMatchObject({ queue: "cmc.bridge.sr3-posts", from: { format: "v03" } });
    expect([receiver.metrics.port, bridge.metrics.port]).toEqual([9130, 9150]);
  });
});

it("allows a receiver to write to its folder, and a bridge to none", () => {
  const unit = (host: string, name: string) =>
    contentOf(hostOf(host, fixtureConfig()), `/etc/systemd/system/warren-${name}.service`);
  expect(unit("px-1", "receiver-urls")).toContain("ReadWritePaths=/apps/px/rxq/urls\n");
  expect(unit("wxo-b1", "bridge-sr3-posts")).not.toContain("ReadWritePaths");
});

const fromGlobalBrokers = {
  ...{ format: "wis", exchange: "xs_sr3", topicPrefix: "wis2" },
  globalBrokers: { brokers: [{ url: "mqtts://globalbroker.example" }], topics: ["cache/a/wis2/#"] },
  fetch: { productDirectory: "/data/wis2", baseUrl: "http://dd/wis2/", allowedHosts: ["cache.example"] },
};

it("gives a bridge that reads Global Brokers a folder for products, and the right to publish what it receives", () => {
  // biome-ignore lint/suspicious/noExplicitAny: as below
  const values: any = structuredClone(stackValues("lab"));
  Object.assign(values.bridges["sr3-posts"], { from: fromGlobalBrokers });
  const config = parseStackConfig(values, "stack lab");
  const host = hostOf("wxo-b1", config);
  expect(bridgeSchema.parse(JSON.parse(contentOf(host, "/etc/warren/bridge-sr3-posts.json")))).toMatchObject({
    from: fromGlobalBrokers,
  });
  expect(contentOf(host, "/etc/systemd/system/warren-bridge-sr3-posts.service")).toContain(
    "ReadWritePaths=/data/wis2\n",
  );
  expect(host.directories).toContainEqual(expect.objectContaining({ path: "/data/wis2", mode: "0755" }));
  expect(needsOf(config, config.bridges["sr3-posts"]?.broker ?? "", "bridge")?.publishes).toContainEqual({
    exchange: "xs_sr3",
    topics: ["wis2"],
  });
});

// biome-ignore lint/suspicious/noExplicitAny: the tests put mistakes into it
function issuesOf(change: (values: any) => void): string[] {
  const values = structuredClone(stackValues("lab"));
  change(values);
  try {
    parseStackConfig(values, "stack lab");
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map((issue) => `${issue.path}: ${issue.message}`);
    throw error;
  }
  return [];
}

it.each<[string, Parameters<typeof issuesOf>[0], string]>([
  [
    "an unknown host",
    (values) => values.receivers.urls.hosts.push("px-9"),
    'warren:receivers.urls.hosts.1: expected a name under warren:hosts, got "px-9"',
  ],
  [
    "an unknown broker",
    (values) => Object.assign(values.bridges["sr3-posts"], { broker: "wxo-b9" }),
    'warren:bridges.sr3-posts.broker: expected a name under warren:brokers, got "wxo-b9"',
  ],
  [
    "two hosts that each fetch from Global Brokers",
    (values) => Object.assign(values.bridges["sr3-posts"], { from: fromGlobalBrokers, hosts: ["wxo-b1", "px-1"] }),
    "warren:bridges.sr3-posts.hosts: expected one host: two would announce every product twice",
  ],
  [
    "a folder for fetched products that is not absolute",
    (values) =>
      Object.assign(values.bridges["sr3-posts"], {
        from: { ...fromGlobalBrokers, fetch: { ...fromGlobalBrokers.fetch, productDirectory: "wis2" } },
      }),
    "warren:bridges.sr3-posts.from.fetch.productDirectory: expected an absolute path",
  ],
  [
    "a bridge that would consume its own messages",
    (values) => Object.assign(values.bridges["sr3-posts"].to[0], { exchange: "xs_sr3", topicPrefix: "v03.again" }),
    'warren:bridges.sr3-posts.to.0.topicPrefix: the bridge would consume its own announcements: expected a topic outside v03.#, or another exchange, got "v03.again"',
  ],
])("is reported with its path: %s", (_, change, expected) => {
  expect(issuesOf(change)).toEqual([expected]);
});
