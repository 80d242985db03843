import type { PolicyModel } from "../model/types.ts";
import { type KnownQueue, list, policyPath, productionQueues, reaches } from "./production.ts";
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
      [...cluster.policies, ...cluster.operatorPolicies].flatMap((policy) => {
        const queues = productionQueues(cluster).filter((queue) => reaches(policy, queue));
        const keys = [...new Set(queues.flatMap((queue) => losingKeys(policy, queue)))];
        if (keys.length === 0) return [];
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
 * Keys by which messages get lost. A bound that refuses what is new loses nothing: publishers hear of it and keep theirs. Quorum queues
 * alone know a delivery limit; below 0 it is none (agents have them on 4.0 only, where that holds), and with a dead letter exchange it
 * keeps what it gives up.
 */
function losingKeys({ definition }: PolicyModel, queue: KnownQueue): string[] {
  return Object.entries(definition).flatMap(([key, value]) => {
    if (key === "expires" || key === "message-ttl") return [key];
    if (key === "max-length" || key === "max-length-bytes")
      return definition.overflow === "reject-publish" ? [] : [key];
    if (key === "overflow") return value === "reject-publish" ? [] : [key];
    if (key === "delivery-limit") {
      const keeps = queue.type !== "quorum" || Number(value) < 0 || "dead-letter-exchange" in definition;
      return keeps ? [] : [key];
    }
    return [];
  });
}
