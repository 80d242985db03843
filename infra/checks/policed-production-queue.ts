import type { PolicyModel } from "../model/types.ts";
import { type KnownQueue, list, policyPath, productionQueues, reaches } from "./production.ts";
import type { Rule } from "./rule.ts";

export const policedProductionQueue: Rule = {
  name: "policed-production-queue",
  severity: "error",
  firesOn:
    "a policy that drops messages or queues (`expires`, `max-length`, `message-ttl`, …) and applies to a queue of the agents",
  reason:
    "Limits that keep abandoned client queues small would discard announcements in a production queue while its consumer is down. `expires` deletes the queue even if it holds messages.",
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
            message: `${list(keys)} of policy ${policy.name} would apply to ${list(queues.map((queue) => queue.name))}`,
          },
        ];
      }),
    ),
};

/**
 * Keys that lose messages. A bound with `reject-publish` loses nothing: publishers get the refusal and keep their messages. Only quorum queues
 * have a delivery limit; below 0 it is unlimited (agents use quorum queues on 4.0 only, where that holds), and with a dead letter exchange
 * the queue keeps the messages that exceed it.
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
