import type { ClusterModel } from "../model/types.ts";
import { alternatives, beginsAnchored, endsAnchored, isPlain } from "./expressions.ts";
import type { Rule } from "./rule.ts";

type User = ClusterModel["users"][number];

export const unanchoredPermission: Rule = {
  name: "unanchored-permission",
  severity: "warning",
  firesOn: "a permission's regular expression that isn't anchored at both ends",
  reason:
    "RabbitMQ searches in the name, it doesn't compare: `xpublic` allows xpublic2 and my-xpublic as well, and what a name will be called one day is nobody's decision today.",
  remedy: "write `^…$` around it, with a backslash before each dot that means a dot",
  source: 'the requirement, "RABBITMQ-SERVER installation"; rabbitmq.com/docs/access-control',
  find: (model, config) =>
    model.clusters.flatMap((cluster) =>
      cluster.users.flatMap((user) => {
        const open = openExpressions(user);
        if (open.length === 0) return [];
        const own = config.brokers[cluster.name]?.users[user.name]?.permissions !== undefined;
        const path = `warren:brokers.${cluster.name}.${own ? `users.${user.name}.permissions` : "permissions"}`;
        return [{ path, message: `${user.name}: ${open.join("; ")}` }];
      }),
    ),
};

/** `configure ^xpublic`: what is open, and in which of the three. */
function openExpressions({ permissions }: User): string[] {
  return Object.entries(permissions ?? {}).flatMap(([kind, expression]) => {
    if (isPlain(expression)) return [];
    const open = alternatives(expression).filter((one) => !beginsAnchored(one) || !endsAnchored(one));
    return open.length > 0 ? [`${kind} has ${open.map((one) => `\`${one}\``).join(", ")}`] : [];
  });
}
