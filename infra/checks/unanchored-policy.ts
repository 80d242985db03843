import { alternatives, beginsAnchored, isPlain } from "./expressions.ts";
import { policyPath } from "./production.ts";
import type { Rule } from "./rule.ts";

export const unanchoredPolicy: Rule = {
  name: "unanchored-policy",
  severity: "warning",
  firesOn: "a policy's pattern that isn't anchored at its beginning",
  reason:
    "A policy's pattern is searched in the name: `cmc.` means every queue that has cmc and one more character anywhere, not those that begin so. Open ends are the custom (`^cmc\\.`), open beginnings are mistakes.",
  remedy: "begin every alternative with `^`",
  source: 'the requirement, "RABBITMQ-SERVER cluster installation"; rabbitmq.com/docs/policies',
  find: (model, config) =>
    model.clusters.flatMap((cluster) =>
      [...cluster.policies, ...cluster.operatorPolicies]
        .filter(({ pattern }) => !isPlain(pattern) && !alternatives(pattern).every(beginsAnchored))
        .map((policy) => ({
          path: `${policyPath(cluster, config, policy)}.pattern`,
          message: `policy ${policy.name} applies to whatever has ${policy.pattern} anywhere in its name`,
        })),
    ),
};
