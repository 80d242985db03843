import type { ClusterModel } from "../model/types.ts";
import { matches } from "./expressions.ts";
import type { Rule } from "./rule.ts";

export const unreadableExpression: Rule = {
  name: "unreadable-expression",
  severity: "warning",
  firesOn: "a regular expression that can't be parsed",
  reason:
    "The broker accepts any text as a permission and fails to compile it at each use; the user is then denied everything. The other checks can't evaluate such an expression.",
  remedy: "fix it, or rewrite it without syntax that only PCRE has",
  source: "rabbitmq.com/docs/access-control; Erlang's re(3)",
  find: (model) =>
    model.clusters.flatMap((cluster) =>
      expressionsOf(cluster)
        .filter(([, expression]) => matches(expression, "") === undefined)
        .map(([owner, expression]) => ({
          path: `warren:brokers.${cluster.name}`,
          message: `${owner}: ${expression} is not a valid regular expression`,
        })),
    ),
};

function expressionsOf(cluster: ClusterModel): [owner: string, expression: string][] {
  const users = cluster.users.flatMap(({ name, permissions }) =>
    Object.entries(permissions ?? {}).map(([kind, expression]): [string, string] => [`${kind} of ${name}`, expression]),
  );
  return [...users, ...cluster.policies.map(({ name, pattern }): [string, string] => [`policy ${name}`, pattern])];
}
