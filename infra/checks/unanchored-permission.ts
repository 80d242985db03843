import type { ClusterModel } from "../model/types.ts";
import { alternatives, beginsAnchored, endsAnchored, isPlain } from "./expressions.ts";
import type { Rule } from "./rule.ts";

type User = ClusterModel["users"][number];

export const unanchoredPermission: Rule = {
  name: "unanchored-permission",
  severity: "warning",
  firesOn: "a permission expression that isn't anchored at both ends",
  reason:
    "RabbitMQ matches an expression anywhere in the name: `xpublic` also allows xpublic2 and my-xpublic, and names that do not exist yet.",
  remedy: "enclose it in `^…$`, and put a backslash before each literal dot",
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

/** `configure has \`^xpublic\``: the kind of permission, and its alternatives without an anchor. */
function openExpressions({ permissions }: User): string[] {
  return Object.entries(permissions ?? {}).flatMap(([kind, expression]) => {
    if (isPlain(expression)) return [];
    const open = alternatives(expression).filter((one) => !beginsAnchored(one) || !endsAnchored(one));
    return open.length > 0 ? [`${kind} has ${open.map((one) => `\`${one}\``).join(", ")}`] : [];
  });
}
