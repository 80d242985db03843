import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { fixtureModel } from "../../infra/model/fixture.ts";
import { declareModel } from "../../infra/resources/declare.ts";
import { type KeptSteps, planSteps } from "../../infra/resources/plan.ts";
import type { SimulatedHosts } from "./simulated.ts";

// The part of `infra/index.ts` whose cost grows with the hosts, without asking hosts and without brokers' objects: the model of stack `lab`, with its
// hosts repeated, whose steps all go to one server that does nothing.

Object.assign(pulumi.log, { debug: async () => {} });
Object.assign(pulumi.Resource, { callsites: () => [] });

const { hosts: count, setting, port, hostKey }: SimulatedHosts = JSON.parse(readFileSync("hosts.json", "utf8"));
const lab = fixtureModel();
const hosts = Array.from({ length: count }, (_, index) => {
  const host = lab.hosts[index % lab.hosts.length];
  if (!host) throw new TypeError("a stack without hosts");
  const round = Math.floor(index / lab.hosts.length);
  const { via: _via, ...connection } = host.connection;
  return {
    ...host,
    name: round === 0 ? host.name : `${host.name}-${round}`,
    connection: { ...connection, address: "127.0.0.1", port, user: "root", hostKey, privateKeyFile: "key" },
    files: host.files.map((file) =>
      file.path === "/etc/hosts" ? { ...file, content: `${file.content}# ${setting}\n` } : file,
    ),
  };
});
const names = hosts.map((host) => host.name);
const clusters = lab.clusters.filter(({ members }) => members.every(({ host }) => names.includes(host)));
const name = `organization/${pulumi.getProject()}/${pulumi.getStack()}`;
const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", { name })) as {
  readonly outputs: { readonly steps?: KeptSteps };
};
const kept = outputs.steps ?? {};
const planned = planSteps({ ...lab, hosts, clusters }, new Map(), kept, "of a bench", "");
const declared = declareModel({ ...lab, hosts, clusters: [] }, planned, kept, process.cwd(), {});

export const steps = pulumi.secret(declared.steps);
export const inventory = pulumi.secret(declared.inventory);
