import { alternatives, beginsAnchored, isPlain } from "./expressions.ts";
import { policyPath } from "./production.ts";
import type { Rule } from "./rule.ts";

export const unanchoredPolicy: Rule = {
  name: "unanchored-policy",
  severity: "warning",
  firesOn: "a policy pattern that isn't anchored at its start",
  reason:
    "RabbitMQ matches a pattern anywhere in the name: `cmc.` matches every queue with cmc and one more character in its name, not only those that start with it. Patterns without `$` are common (`^cmc\\.`), patterns without `^` are mistakes.",
  remedy: "start every alternative with `^`",
  source: 'the requirement, "RABBITMQ-SERVER cluster installation"; rabbitmq.com/docs/policies',
  find: (model, config) =>
    model.clusters.flatMap((cluster) =>
      [...cluster.policies, ...cluster.operatorPolicies]
        .filter(({ pattern }) => !isPlain(pattern) && !alternatives(pattern).every(beginsAnchored))
        .map((policy) => ({
          path: `${policyPath(cluster, config, policy)}.pattern`,
          message: `policy ${policy.name} applies to every name that contains ${policy.pattern}`,
        })),
    ),
};
