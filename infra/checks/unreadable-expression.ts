import type { ClusterModel } from "../model/types.ts";
import { matches } from "./expressions.ts";
import type { Rule } from "./rule.ts";

export const unreadableExpression: Rule = {
  name: "unreadable-expression",
  severity: "warning",
  firesOn: "a regular expression that can't be read",
  reason:
    "The broker takes any text as a permission and finds out at each use that it is no expression; then the user may do nothing. Here the other checks can't judge it.",
  remedy: "mend it, or write it without what only PCRE knows",
  source: "rabbitmq.com/docs/access-control; Erlang's re(3)",
  find: (model) =>
    model.clusters.flatMap((cluster) =>
      expressionsOf(cluster)
        .filter(([, expression]) => matches(expression, "") === undefined)
        .map(([owner, expression]) => ({
          path: `warren:brokers.${cluster.name}`,
          message: `${owner}: ${expression} is no regular expression`,
        })),
    ),
};

function expressionsOf(cluster: ClusterModel): [owner: string, expression: string][] {
  const users = cluster.users.flatMap(({ name, permissions }) =>
    Object.entries(permissions ?? {}).map(([kind, expression]): [string, string] => [`${kind} of ${name}`, expression]),
  );
  return [...users, ...cluster.policies.map(({ name, pattern }): [string, string] => [`policy ${name}`, pattern])];
}
