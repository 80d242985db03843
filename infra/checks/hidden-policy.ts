import type { StackConfig } from "../config/index.ts";
import type { ClusterModel, PolicyModel } from "../model/types.ts";
import { type KnownQueue, knownQueues, list, policyPath, reaches } from "./production.ts";
import type { Found, Rule } from "./rule.ts";

export const hiddenPolicy: Rule = {
  name: "hidden-policy",
  severity: "warning",
  firesOn: "several policies that match a queue, where the one that applies lacks keys of another",
  reason:
    "Only one policy applies to a queue: the one with the highest priority, or any of those with equal priority. Keys of the others are not merged; they have no effect.",
  remedy: "put all keys for a pattern in one policy, and give each policy a different priority",
  source: "rabbitmq.com/docs/policies, combining policy definitions",
  find: (model, config) =>
    model.clusters.flatMap((cluster) =>
      Object.values(Object.groupBy(hidden(cluster), (one) => `${one.policy.name}\0${one.winner.name}`)).flatMap(
        (group) => (group ? [describe(cluster, config, group)] : []),
      ),
    ),
};

interface Hidden {
  readonly queue: KnownQueue;
  readonly winner: PolicyModel;
  /** The policy whose keys have no effect. */
  readonly policy: PolicyModel;
}

function hidden(cluster: ClusterModel): Hidden[] {
  return knownQueues(cluster).flatMap((queue) => {
    const all = cluster.policies.filter((policy) => reaches(policy, queue));
    const [winner, ...others] = all.toSorted((a, b) => b.priority - a.priority);
    if (!winner) return [];
    return others
      .filter((other) => lacks(winner, other) || (other.priority === winner.priority && lacks(other, winner)))
      .map((policy) => ({ queue, winner, policy }));
  });
}

/** Keys of the other policy that this one doesn't have. The same key with another value is a deliberate choice. */
const lacks = (one: PolicyModel, other: PolicyModel): boolean =>
  Object.keys(other.definition).some((key) => !(key in one.definition));

function describe(cluster: ClusterModel, config: StackConfig, group: readonly Hidden[]): Found {
  const [{ policy, winner }] = group as [Hidden];
  const queues = list(group.map((one) => one.queue.name));
  const equal = policy.priority === winner.priority;
  return {
    path: policyPath(cluster, config, policy),
    message: equal
      ? `policies ${winner.name} and ${policy.name} both have priority ${policy.priority}; either may apply to ${queues}`
      : `policy ${policy.name} doesn't apply to ${queues}: ${winner.name} has the higher priority ${winner.priority} and lacks some of its keys`,
  };
}
