import type { StackConfig } from "../config/index.ts";
import { queueTypeOf } from "../model/agent-queues.ts";
import type { ClusterModel, PolicyModel } from "../model/types.ts";
import { matches } from "./expressions.ts";

export type QueueType = "classic" | "quorum" | "stream";

export interface KnownQueue {
  readonly name: string;
  readonly type: QueueType;
}

/** The queues that the agents declare on this cluster. Messages in them are on their way from a radar server to PDS. */
export function productionQueues(cluster: ClusterModel): KnownQueue[] {
  const type = queueTypeOf(cluster);
  return cluster.agentQueues.map(({ name }) => ({ name, type }));
}

/** The agents' queues and the config's own. Queues that clients declare are not known in advance. */
export function knownQueues(cluster: ClusterModel): KnownQueue[] {
  const own = cluster.queues.map(({ name, arguments: { "x-queue-type": type } }): KnownQueue => {
    return { name, type: type === "quorum" || type === "stream" ? type : "classic" };
  });
  return [...productionQueues(cluster), ...own];
}

const typesOf: Readonly<Record<string, readonly QueueType[]>> = {
  queues: ["classic", "quorum", "stream"],
  all: ["classic", "quorum", "stream"],
  classic_queues: ["classic"],
  quorum_queues: ["quorum"],
  streams: ["stream"],
};

/** Whether a policy's pattern and type match a queue. */
export const reaches = (policy: PolicyModel, queue: KnownQueue): boolean =>
  (typesOf[policy.applyTo] ?? []).includes(queue.type) && matches(policy.pattern, queue.name) === true;

/** Config path of a policy: of its entry, or of the cluster for a standard policy. */
export function policyPath(cluster: ClusterModel, config: StackConfig, policy: PolicyModel): string {
  const broker = config.brokers[cluster.name];
  const path = `warren:brokers.${cluster.name}`;
  for (const key of ["policies", "operatorPolicies"] as const) {
    if (!cluster[key].includes(policy)) continue;
    const index = broker?.[key].findIndex((one) => one.name === policy.name) ?? -1;
    if (index >= 0) return `${path}.${key}.${index}`;
  }
  return path;
}

export const list = (names: readonly string[]): string => (names.length > 0 ? names.join(", ") : "nothing");
