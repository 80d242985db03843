import type { StackConfig } from "../config/index.ts";
import type { ClusterModel, PolicyModel } from "../model/types.ts";
import { type KnownQueue, knownQueues, list, policyPath, reaches } from "./production.ts";
import type { Found, Rule } from "./rule.ts";

export const hiddenPolicy: Rule = {
  name: "hidden-policy",
  severity: "warning",
  firesOn: "more than one policy on a queue, where the one that applies lacks what another says",
  reason:
    "At most one policy applies to a queue: the one of the highest priority, and of equal ones any. The others' keys don't add to it, they are gone.",
  remedy: "let one policy a pattern carry every key, and give each its own priority",
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
  /** The one whose keys don't apply. */
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

/** A key of the other one that this one doesn't have; the same key with another value is a choice. */
const lacks = (one: PolicyModel, other: PolicyModel): boolean =>
  Object.keys(other.definition).some((key) => !(key in one.definition));

function describe(cluster: ClusterModel, config: StackConfig, group: readonly Hidden[]): Found {
  const [{ policy, winner }] = group as [Hidden];
  const queues = list(group.map((one) => one.queue.name));
  const equal = policy.priority === winner.priority;
  return {
    path: policyPath(cluster, config, policy),
    message: equal
      ? `policies ${winner.name} and ${policy.name} have priority ${policy.priority}, and either may apply to ${queues}`
      : `policy ${policy.name} doesn't apply to ${queues}: ${winner.name} has priority ${winner.priority}, and lacks keys of it`,
  };
}
