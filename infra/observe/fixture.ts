import { hashPassword } from "../model/rabbitmq.ts";
import type { ClusterModel } from "../model/types.ts";
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
    })),
    permissions: [
      ...cluster.users.flatMap(({ name, permissions }) => (permissions ? [{ user: name, vhost, ...permissions }] : [])),
      { user: cluster.administrator.name, vhost, configure: ".*", write: ".*", read: ".*" },
    ],
    policies: cluster.policies.map((policy) => ({ ...policy, vhost })),
    operatorPolicies: cluster.operatorPolicies.map((policy) => ({ ...policy, vhost })),
    queues: queues.map(({ name, arguments: given }) => ({ name, vhost, arguments: given })),
    exchanges: cluster.exchanges.map((exchange) => ({ ...exchange, vhost, durable: true })),
    bindings: queues.flatMap(({ name, bindings }) =>
      bindings.map(({ exchange, key }) => ({ vhost, exchange, queue: name, key })),
    ),
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
