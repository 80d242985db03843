import { describe, expect, it } from "vitest";
import { configSchema as auditorSchema } from "../../agents/auditor/config.ts";
import { othersTopology, ownTopology } from "../../agents/auditor/topology.ts";
import { configSchema } from "../../agents/dispatcher/config.ts";
import { topologyOf } from "../../agents/dispatcher/topology.ts";
import { ledgerQueueAt } from "../../agents/lib/dispatch-topics.ts";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { agentQueues, ledgerHostOf } from "./agent-queues.ts";
import { contentOf, fixtureConfig, hostOf, stackValues } from "./fixture.ts";
import { auditorUnit } from "./names.ts";

/** The queues that the dispatcher of a host declares, from its rendered config. */
const declared = (host: string, config: StackConfig) =>
  topologyOf(configSchema.parse(JSON.parse(contentOf(hostOf(host, config), "/etc/warren/dispatcher.json")))).queues;

const sorted = (keys: readonly string[]) => keys.toSorted();

describe.each(["lab", "lab4"])("the agents' queues of stack %s", (stack) => {
  const config = fixtureConfig(stack);
  const model = agentQueues(config, "bunny").filter(({ declaredBy }) => declaredBy?.unit !== auditorUnit);
  const dispatchers = config.brokers.bunny?.members ?? [];

  it("are those that the dispatchers declare, with bindings and the arguments that follow from the config", () => {
    const all = new Map(dispatchers.flatMap((host) => declared(host, config).map((queue) => [queue.name, queue])));
    expect(sorted(model.map(({ name }) => name))).toEqual(sorted([...all.keys()]));
    for (const { name, bindings, arguments: given } of model) {
      const queue = all.get(name);
      expect(sorted(bindings.map(({ exchange, key }) => `${exchange} ${key}`)), name).toEqual(
        sorted((queue?.bindings ?? []).map(({ exchange, pattern }) => `${exchange} ${pattern}`)),
      );
      expect(queue?.arguments ?? {}, name).toMatchObject(given);
    }
  });

  it("include a ledger for each dispatcher, which only that dispatcher declares, and match the replication policy", () => {
    const ledgers = model.filter(({ declaredBy }) => declaredBy !== undefined);
    expect(ledgers.map(({ name, declaredBy }) => [name, declaredBy?.host])).toEqual(
      dispatchers.map((host) => [ledgerQueueAt(host), host]),
    );
    expect(ledgers.map(({ name }) => ledgerHostOf(name))).toEqual(dispatchers);
    for (const { name } of model) expect(name).toMatch(/^cmc\./);
  });
});

it("include those of receivers and bridges at their brokers, as in their configs", () => {
  const config = fixtureConfig();
  const configOf = (host: string, name: string) =>
    JSON.parse(contentOf(hostOf(host, config), `/etc/warren/${name}.json`));
  const receiver = configOf("px-1", "receiver-urls");
  const bridge = configOf("wxo-b1", "bridge-sr3-posts");
  const model = agentQueues(config, "wxo-b1");
  expect(
    model.map(({ name, bindings }) => [name, ...bindings.map(({ exchange, key }) => `${exchange} ${key}`)]),
  ).toEqual([
    [receiver.queue, ...receiver.bindingKeys.map((key: string) => `${receiver.exchange} ${key}`)],
    [bridge.queue, `${bridge.from.exchange} ${bridge.from.topicPrefix}.#`],
    ["cmc.urp.dead", "cmc.dead #"],
  ]);
  expect(model.map(({ declaredBy }) => `${declaredBy?.host} ${declaredBy?.unit}`)).toEqual([
    "px-1 warren-receiver-urls.service",
    "wxo-b1 warren-bridge-sr3-posts.service",
    "px-1 warren-receiver-urls.service",
  ]);
});

it("include one for the auditor of each monitor, as in its config; without a monitor, all is as before", () => {
  const values = stackValues("lab");
  const hosts = values.hosts as Record<string, { roles: string[] }>;
  const watched = parseStackConfig(
    { ...values, hosts: { ...hosts, "px-1": { ...hosts["px-1"], roles: ["px", "monitor"] } } },
    "lab",
  );
  const path = "/etc/warren/auditor.json";
  const auditor = auditorSchema.parse(JSON.parse(contentOf(hostOf("px-1", watched), path)));
  expect(auditor).toMatchObject({ hostName: "px-1", radarServers: { "urp-1": ["urp-1.cmc.ec.gc.ca", "urp-1"] } });
  const [queue] = ownTopology(auditor).queues;
  const added = agentQueues(watched, "bunny").filter(({ declaredBy }) => declaredBy?.unit === auditorUnit);
  expect(added.map(({ name, declaredBy }) => [name, declaredBy?.host])).toEqual([[queue?.name, "px-1"]]);
  expect(added[0]?.bindings.map(({ exchange, key }) => `${exchange} ${key}`)).toEqual(
    queue?.bindings.map(({ exchange, pattern }) => `${exchange} ${pattern}`),
  );
  expect(queue?.arguments).toMatchObject(added[0]?.arguments ?? {});
  // What it declares of others is what the dispatchers declare.
  const [first = ""] = watched.brokers.bunny?.members ?? [];
  for (const other of othersTopology(auditor).queues) expect(declared(first, watched)).toContainEqual(other);
  const unwatched = parseStackConfig(
    { ...values, hosts: { ...hosts, "px-1": { ...hosts["px-1"], roles: ["px"] } } },
    "lab",
  );
  expect(agentQueues(unwatched, "bunny").map(({ name }) => name)).not.toContain(queue?.name);
  expect(hostOf("px-1", unwatched).files.map((file) => file.path)).not.toContain(path);
});

it("are none in a cluster without announcements", () => {
  expect(agentQueues(fixtureConfig(), "hare")).toEqual([]);
  expect(ledgerHostOf("cmc.urp.pull")).toBeUndefined();
});
