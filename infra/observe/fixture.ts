import { createHash } from "node:crypto";
import { userLimits, vhostLimits } from "../commands/rabbitmq.ts";
import { hashPassword } from "../model/rabbitmq.ts";
import type { ClusterModel, HostModel } from "../model/types.ts";
import type { ClusterObservation, MemberView } from "./broker.ts";
import type { ObservedObjects } from "./broker-answer.ts";

/** For tests: the objects of a cluster that matches its model, including those of its agents. */
export function healthyObjects(cluster: ClusterModel): ObservedObjects {
  const vhost = "/";
  const users = [...cluster.users, { ...cluster.administrator, tags: ["administrator"] }];
  const queues = [...cluster.queues, ...cluster.agentQueues];
  return {
    users: users.map(({ name, password, tags }) => ({
      name,
      passwordHash: password === undefined ? "" : hashPassword(name, password),
      hashingAlgorithm: "rabbit_password_hashing_sha256",
      tags,
      limits: userLimits(cluster.limits?.users.find((user) => user.name === name) ?? { name }),
    })),
    permissions: [
      ...cluster.users.flatMap(({ name, permissions }) => (permissions ? [{ user: name, vhost, ...permissions }] : [])),
      { user: cluster.administrator.name, vhost, configure: ".*", write: ".*", read: ".*" },
    ],
    topicPermissions: cluster.users.flatMap(({ name, topicPermissions = [] }) =>
      topicPermissions.map((one) => ({ user: name, vhost, ...one })),
    ),
    policies: cluster.policies.map((policy) => ({ ...policy, vhost })),
    operatorPolicies: cluster.operatorPolicies.map((policy) => ({ ...policy, vhost })),
    vhostLimits: cluster.limits ? [{ vhost, limits: vhostLimits(cluster.limits) }] : [],
    queues: queues.map(({ name, arguments: given }) => ({ name, vhost, arguments: given })),
    exchanges: cluster.exchanges.map((exchange) => ({ ...exchange, vhost, durable: true })),
    bindings: queues.flatMap(({ name, bindings }) =>
      bindings.map(({ exchange, key }) => ({ vhost, exchange, queue: name, key })),
    ),
    exchangeBindings: cluster.exchangeBindings.map((binding) => ({ ...binding, vhost })),
  };
}

/** For tests: a cluster whose members all see each other running. */
export function healthyCluster(cluster: ClusterModel): ClusterObservation {
  const nodes = cluster.members.map(({ host }) => ({
    name: `rabbit@${host}`,
    running: true,
    plugins: ["rabbitmq_management"],
  }));
  const view: MemberView = { nodes, objects: healthyObjects(cluster) };
  return new Map(cluster.members.map(({ host }) => [host, view]));
}

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** For tests: the answer to `observationScript` of a host that matches its model, with sections as `answered` reads them. */
export function soundAnswer(host: HostModel): string {
  const stat = (type: number, bytes: number, { mode, owner, group, path }: HostModel["directories"][number]) =>
    `${(type | Number.parseInt(mode, 8)).toString(16)} ${owner} ${group} ${bytes} 1 ${path}\t'${path}'`;
  return [
    "== stat",
    ...host.files.map((file) => stat(0o100000, file.content.length, file)),
    ...host.artifacts.map((artifact) => stat(0o100000, artifact.bytes, artifact)),
    ...host.directories.map((directory) => stat(0o040000, 4096, directory)),
    "== sha256",
    ...host.files.map((file) => `${sha256(file.content)}  ${file.path}`),
    ...host.artifacts.map((artifact) => `${artifact.installedSha256}  ${artifact.path}`),
    "== accounts",
    ...host.accounts.map((account) => `${account.name}:x:101:101::${account.home}:/usr/sbin/nologin`),
    "== packages",
    ...host.packages.map((one) => `${one.name} ${one.series?.replace("*", "8-1.1+deb12u1") ?? "2.2"} hold installed`),
    "== units",
    ...host.units.flatMap((unit) => [`Id=${unit.name}`, "ActiveState=active", "UnitFileState=enabled", ""]),
    "== end",
    "",
  ].join("\n");
}
