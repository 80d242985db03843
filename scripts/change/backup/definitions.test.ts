import { expect, it } from "vitest";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import type { ClusterModel } from "../../../infra/model/types.ts";
import { absent, definitionsSchema, objectNames, undeclared } from "./definitions.ts";

const [bunny] = clusterModels(fixtureConfig()) as [ClusterModel];
const [, wxo] = clusterModels(fixtureConfig()) as [ClusterModel, ClusterModel];
const inRoot = (name: string) => ({ name, vhost: "/" });
const binding = (source: string, destination: string, key: string) => ({
  ...{ source, destination, vhost: "/", destination_type: "queue", routing_key: key, arguments: {} },
});
const own = bunny.agentQueues.map(({ name }) => name);
const [input] = bunny.agentQueues;

const all = definitionsSchema.parse({
  rabbit_version: "3.10.8",
  users: [...bunny.users.map(({ name }) => ({ name })), { name: bunny.administrator.name }, { name: "partner" }],
  vhosts: [{ name: "/" }, { name: "other" }],
  permissions: [
    { user: "feeder", vhost: "/" },
    { user: "feeder", vhost: "other" },
    { user: "partner", vhost: "/" },
  ],
  parameters: [
    { ...inRoot("by-hand"), component: "operator_policy" },
    { ...inRoot("move"), component: "shovel" },
    { ...inRoot("limits"), component: "vhost-limits" },
    { name: "limits", vhost: "other", component: "vhost-limits" },
  ],
  global_parameters: [{ name: "cluster_name" }, { name: "internal_cluster_id" }, { name: "mqtt" }],
  policies: [...bunny.policies.map(({ name }) => inRoot(name)), inRoot("by-hand")],
  exchanges: [...bunny.exchanges.map(({ name }) => inRoot(name)), inRoot("partner.in")],
  queues: [
    ...own.map(inRoot),
    inRoot("q_anonymous.1"),
    inRoot("cmc.urp.ledger.gone"),
    { name: own[0], vhost: "other" },
  ],
  bindings: [
    binding(input?.bindings[0]?.exchange ?? "", input?.name ?? "", input?.bindings[0]?.key ?? ""),
    binding("cmc", input?.name ?? "", "v00.by.hand.#"),
    binding("xpublic", "q_anonymous.1", "exp.dd.notify.#"),
    binding("cmc", "cmc.urp.ledger.gone", "v00.urp.notify.#"),
  ],
});

it("definitions that the config or an agent declares are left out, all others are kept", () => {
  expect(objectNames(undeclared(all, bunny))).toEqual([
    "vhost other",
    "user partner",
    "permissions of feeder in other",
    "permissions of partner",
    "operator_policy by-hand",
    "shovel move",
    "vhost-limits limits in other",
    "global parameter mqtt",
    "policy by-hand",
    "exchange partner.in",
    "queue q_anonymous.1",
    `queue ${own[0]} in other`,
    `binding cmc v00.by.hand.# to queue ${input?.name}`,
    "binding xpublic exp.dd.notify.# to queue q_anonymous.1",
  ]);
  expect(undeclared(all, bunny)).toMatchObject({ rabbit_version: "3.10.8" });
});

it("missing definitions are listed by name", () => {
  const wanted = undeclared(all, bunny);
  expect(absent(wanted, all)).toEqual([]);
  expect(
    absent(wanted, { ...all, users: [], queues: all.queues.filter(({ name }) => name !== "q_anonymous.1") }),
  ).toEqual(["user partner", "queue q_anonymous.1"]);
});

it("topic permissions of the agents' users are left out, others are kept", () => {
  const entries = [
    { user: "watcher", vhost: "/", exchange: "xpublic" },
    { user: "watcher", vhost: "/", exchange: "partner.in" },
    { user: "partner", vhost: "/", exchange: "xpublic" },
  ];
  const answer = definitionsSchema.parse({ topic_permissions: entries });
  expect(objectNames(undeclared(answer, wxo))).toEqual([
    "topic permissions of watcher on partner.in",
    "topic permissions of partner on xpublic",
  ]);
});
