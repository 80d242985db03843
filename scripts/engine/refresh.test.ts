import { expect, test } from "vitest";
import { fixtureModel } from "../../infra/model/fixture.ts";
import type { ClusterModel } from "../../infra/model/types.ts";
import { refreshFlags } from "./refresh.ts";

const [bunny] = fixtureModel().clusters as [ClusterModel];
const other: ClusterModel = { ...bunny, name: "hare", members: [{ host: "hare1", address: "10.203.0.23" }] };
const both = [bunny, other];
const urn = (thing: string) => `urn:pulumi:lab::warren::warren:index:Broker$rabbitmq:index/user:User::${thing}`;
const made = [urn("bunny user feeder"), urn("hare user feeder")];

interface Row {
  readonly clusters: readonly ClusterModel[];
  readonly answering: readonly string[];
  readonly state?: readonly string[];
  readonly words?: readonly string[];
  readonly readsBeforeRuns?: boolean;
  readonly hasCa?: boolean;
  readonly flags: readonly string[];
}
const refresh = ["--refresh", "--run-program"];
const everybody = ["10.203.0.21", "10.203.0.22", "10.203.0.23"];
const rows: [string, Row][] = [
  ["all of them, if every member answers", { clusters: both, answering: everybody, flags: refresh }],
  [
    "those of a cluster with one member that answers",
    { clusters: [bunny], answering: ["10.203.0.22"], flags: refresh },
  ],
  ["none, if no member answers: the state is trusted", { clusters: both, answering: [], flags: [] }],
  [
    "those of the cluster that answers, without the other's",
    { clusters: both, answering: ["10.203.0.21"], flags: [...refresh, "--exclude", "**rabbitmq:index**::hare **"] },
  ],
  [
    "those of the cluster that answers, while the other's are created for the first time",
    { clusters: both, answering: ["10.203.0.21"], state: [urn("bunny user feeder")], flags: refresh },
  ],
  [
    "none, if the provider refreshes by itself and every member answers",
    { clusters: both, answering: everybody, readsBeforeRuns: true, flags: [] },
  ],
  [
    "all of them, if the provider refreshes by itself before the program has written the CA's file",
    { clusters: both, answering: everybody, readsBeforeRuns: true, hasCa: false, flags: refresh },
  ],
  [
    "those that answer, if the provider refreshes by itself and its member may be the silent one",
    { clusters: [bunny], answering: ["10.203.0.22"], readsBeforeRuns: true, flags: refresh },
  ],
  ["none, without a broker", { clusters: [], answering: [], flags: [] }],
  ...["--refresh=false", "--target", "-r", "--exclude=**bunny1**"].map((word): [string, Row] => [
    `only as the user requests with ${word}`,
    { clusters: both, answering: everybody, words: [word], flags: [] },
  ]),
];

test.each(rows)("the engine refreshes brokers' objects: %s", async (_, row) => {
  const flags = await refreshFlags(row.clusters, row.words ?? [], {
    readsBeforeRuns: row.readsBeforeRuns ?? false,
    hasCa: row.hasCa ?? true,
    probe: async (_cluster, address) => row.answering.includes(address),
    resources: async () => row.state ?? made,
  });
  expect(flags).toEqual(row.flags);
});

test("the state is read only if a cluster is silent, because that starts the engine", async () => {
  const resources = () => Promise.reject(new Error("the state was read"));
  const flags = (answers: boolean) =>
    refreshFlags(both, [], { readsBeforeRuns: false, hasCa: true, probe: async () => answers, resources });
  expect(await flags(true)).toEqual(refresh);
  expect(await flags(false)).toEqual([]);
});
