import { describe, expect, it } from "vitest";
import { ConfigError } from "../../agents/lib/errors.ts";
import { parseStackConfig } from "../config/index.ts";
import { agentQueues } from "./agent-queues.ts";
import { carrierOf, dispatcherHosts } from "./dispatchers.ts";
import { fixtureArtifacts, fixtureSecrets } from "./fixture.ts";
import { buildModel } from "./index.ts";

type Values = ReturnType<typeof values>;

/** A pair of 3.10, and its successor, three members of 4.0. */
const values = () => ({
  ssh: { user: "root", privateKeyFile: "key" },
  hosts: {
    "urp-1": { address: "10.0.0.1", roles: ["urp"] },
    bunny1: { address: "10.0.0.11", roles: ["bunny"] },
    bunny2: { address: "10.0.0.12", roles: ["bunny"] },
    heron1: { address: "10.0.0.21", roles: ["bunny"], release: "trixie" },
    heron2: { address: "10.0.0.22", roles: ["bunny"], release: "trixie" },
    heron3: { address: "10.0.0.23", roles: ["bunny"], release: "trixie" },
    "pds-1": { address: "10.0.0.31", roles: ["pds"] },
  },
  brokers: {
    bunny: { members: ["bunny1", "bunny2"], series: "3.10", virtualIp: "vip" },
    heron: { members: ["heron1", "heron2", "heron3"], series: "4.0", virtualIp: "vip" } as Record<string, unknown>,
  },
  virtualIps: {
    vip: {
      ...{ address: "10.0.0.50", interface: "eth0", routerId: 1 },
      priorities: { bunny1: 150, bunny2: 140, heron1: 130, heron2: 120, heron3: 110 } as Record<string, number>,
    },
  },
  announcements: { broker: "bunny", beside: "heron" },
  secrets: { ...fixtureSecrets, passwords: { ...fixtureSecrets.passwords } as Record<string, string> },
});
const config = parseStackConfig(values(), "a stack");
const model = buildModel("a", config, fixtureArtifacts);
const fileOf = (host: string, path: string) =>
  model.hosts.find(({ name }) => name === host)?.files.find((file) => file.path === path)?.content ?? "";

describe("two clusters for the announcements", () => {
  it("have their own dispatchers and queues", () => {
    expect(dispatcherHosts(config)).toEqual(["bunny1", "bunny2", "heron1", "heron2", "heron3"]);
    const { broker } = JSON.parse(fileOf("heron1", "/etc/warren/dispatcher.json"));
    expect(broker.hosts[0]).toBe("127.0.0.1:5672");
    expect(broker.hosts.slice(1).join()).toContain("10.0.0.22");
    expect(broker.hosts.join()).not.toContain("10.0.0.1");
    const ledgers = (cluster: string) =>
      agentQueues(config, cluster).flatMap(({ declaredBy }) => (declaredBy === undefined ? [] : [declaredBy.host]));
    expect([ledgers("bunny"), ledgers("heron")]).toEqual([
      ["bunny1", "bunny2"],
      ["heron1", "heron2", "heron3"],
    ]);
  });

  it("have agents that use the virtual IP, and the queue type of the broker that they find there", () => {
    for (const [host, agent] of [
      ["urp-1", "announcer"],
      ["pds-1", "puller"],
      ["bunny1", "dispatcher"],
      ["heron3", "dispatcher"],
    ] as const) {
      expect(JSON.parse(fileOf(host, `/etc/warren/${agent}.json`)).broker.queueType).toBe("as-broker");
    }
    expect(JSON.parse(fileOf("urp-1", "/etc/warren/announcer.json")).broker.hosts).toEqual(["amqps://10.0.0.50:5671"]);
  });

  it("have shovels on the newer one, whichever is active, and the older one is not restarted for them", () => {
    expect(fileOf("heron1", "/etc/rabbitmq/enabled_plugins")).toContain("rabbitmq_shovel");
    expect(fileOf("bunny1", "/etc/rabbitmq/enabled_plugins")).not.toContain("rabbitmq_shovel");
    expect(carrierOf({ ...config, announcements: { ...config.announcements, broker: "heron", beside: "bunny" } })).toBe(
      "heron",
    );
  });
});

const issuesOf = (change: (all: Values) => void): string[] => {
  const all = values();
  change(all);
  try {
    parseStackConfig(all, "a stack");
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ path, message }) => `${path}: ${message}`);
  }
};

it.each<[string, (all: Values) => void, string]>([
  [
    "an unknown cluster",
    (all) => (all.announcements.beside = "wren"),
    "warren:announcements.beside: expected the name of another",
  ],
  [
    "itself",
    (all) => (all.announcements.beside = "bunny"),
    "warren:announcements.beside: expected the name of another cluster",
  ],
  ["no address", (all) => delete all.brokers.heron.virtualIp, "warren:brokers.heron.virtualIp: expected that of bunny"],
  ["another port", (all) => (all.brokers.heron.port = 5673), "warren:brokers.heron.port: expected that of bunny"],
  [
    "a higher priority",
    (all) => (all.virtualIps.vip.priorities.heron2 = 145),
    "warren:virtualIps.vip.priorities: expected each",
  ],
  [
    "a password for one of them only",
    (all) => (all.secrets.passwords["feeder@heron"] = "another-of-the-tests"),
    "warren:secrets.passwords.feeder@heron: expected the same password",
  ],
])("a cluster beside is refused with %s", (_, change, expected) => {
  expect(issuesOf(change).join("\n")).toContain(expected);
});
