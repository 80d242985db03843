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
  readonly flags: readonly string[];
}
const refresh = ["--refresh", "--run-program"];
const everybody = ["10.203.0.21", "10.203.0.22", "10.203.0.23"];
const rows: [string, Row][] = [
  ["all of them, where every member answers", { clusters: both, answering: everybody, flags: refresh }],
  ["those of a cluster of which one member answers", { clusters: [bunny], answering: ["10.203.0.22"], flags: refresh }],
  ["none, where nobody answers: the state is believed", { clusters: both, answering: [], flags: [] }],
  [
    "those of the cluster that answers, and leaves the other's out",
    { clusters: both, answering: ["10.203.0.21"], flags: [...refresh, "--exclude", "**rabbitmq:index**::hare **"] },
  ],
  [
    "those of the cluster that answers, and lets the other's be made for the first time",
    { clusters: both, answering: ["10.203.0.21"], state: [urn("bunny user feeder")], flags: refresh },
  ],
  [
    "none, where the provider does it by itself and every member answers",
    { clusters: both, answering: everybody, readsBeforeRuns: true, flags: [] },
  ],
  [
    "those that answer, where the provider does it by itself and the member that it knows may be the silent one",
    { clusters: [bunny], answering: ["10.203.0.22"], readsBeforeRuns: true, flags: refresh },
  ],
  ["none, where there is no broker", { clusters: [], answering: [], flags: [] }],
  ...["--refresh=false", "--target", "-r", "--exclude=**bunny1**"].map((word): [string, Row] => [
    `what the person says by ${word}, and nothing else`,
    { clusters: both, answering: everybody, words: [word], flags: [] },
  ]),
];

test.each(rows)("the engine compares objects of brokers: %s", async (_, row) => {
  const flags = await refreshFlags(row.clusters, row.words ?? [], {
    readsBeforeRuns: row.readsBeforeRuns ?? false,
    probe: async (_cluster, address) => row.answering.includes(address),
    resources: async () => row.state ?? made,
  });
  expect(flags).toEqual(row.flags);
});

test("the state is read only where a cluster is silent: it costs a start of the engine", async () => {
  const resources = () => Promise.reject(new Error("the state was read"));
  expect(await refreshFlags(both, [], { readsBeforeRuns: false, probe: async () => true, resources })).toEqual(refresh);
  expect(await refreshFlags(both, [], { readsBeforeRuns: false, probe: async () => false, resources })).toEqual([]);
});
