import { traitsOf } from "../config/series.ts";
import { list, policyPath } from "./production.ts";
import type { Rule } from "./rule.ts";

export const mirroringUnsupported: Rule = {
  name: "mirroring-unsupported",
  severity: "error",
  firesOn: "a policy with an `ha-` key for a series without mirrored queues (4.0 and later)",
  reason:
    "From 4.0 on, the broker accepts `ha-mode` and ignores it. The queue has one copy, and nothing warns of that until its host is lost.",
  remedy: "remove the key; declare the queues as quorum queues (`x-queue-type: quorum`)",
  source: 'RabbitMQ 4.0 release notes, "Classic Queues is Now a Non-Replicated Queue Type"',
  find: (model, config) =>
    model.clusters
      .filter((cluster) => traitsOf(cluster.series).replication !== "mirrored")
      .flatMap((cluster) =>
        cluster.policies.flatMap((policy) => {
          const keys = Object.keys(policy.definition).filter((key) => key.startsWith("ha-"));
          if (keys.length === 0) return [];
          return [
            {
              path: `${policyPath(cluster, config, policy)}.definition`,
              message: `RabbitMQ ${cluster.series} ignores ${list(keys)} of policy ${policy.name}`,
            },
          ];
        }),
      ),
};
