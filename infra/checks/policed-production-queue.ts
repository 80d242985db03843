import type { PolicyModel } from "../model/types.ts";
import { list, policyPath, productionQueues, reaches } from "./production.ts";
import type { Rule } from "./rule.ts";

export const policedProductionQueue: Rule = {
  name: "policed-production-queue",
  severity: "error",
  firesOn:
    "a policy that drops messages or queues (`expires`, `max-length`, `message-ttl`, …) reaches a queue of the agents",
  reason:
    "What keeps clients' forgotten queues small throws announcements away on a production queue whose consumer is down for a while; `expires` deletes the queue though it is full.",
  remedy: "narrow the pattern to clients' queues, e.g. `^q_`, or bound the queue with `overflow: reject-publish`",
  source:
    'the requirement, "Utilities installed on DD servers" (queue_manager.py); rabbitmq.com/docs/ttl, /docs/maxlength, /docs/quorum-queues',
  find: (model, config) =>
    model.clusters.flatMap((cluster) =>
      cluster.policies.flatMap((policy) => {
        const keys = losingKeys(policy);
        const queues = productionQueues(cluster, config).filter((queue) => reaches(policy, queue));
        if (keys.length === 0 || queues.length === 0) return [];
        return [
          {
            path: policyPath(cluster, config, policy),
            message: `${list(keys)} of policy ${policy.name} reaches ${list(queues.map((queue) => queue.name))}`,
          },
        ];
      }),
    ),
};

/**
 * Keys by which messages get lost. A bound that refuses what is new loses nothing: publishers hear of it and keep theirs. A delivery limit
 * below 0 is none, and one with a dead letter exchange keeps what it gives up.
 */
function losingKeys({ definition }: PolicyModel): string[] {
  return Object.entries(definition).flatMap(([key, value]) => {
    if (key === "expires" || key === "message-ttl") return [key];
    if (key === "max-length" || key === "max-length-bytes")
      return definition.overflow === "reject-publish" ? [] : [key];
    if (key === "overflow") return value === "reject-publish" ? [] : [key];
    if (key === "delivery-limit") return Number(value) < 0 || definition["dead-letter-exchange"] ? [] : [key];
    return [];
  });
}
