import { permitted } from "./expressions.ts";
import { list, productionQueues } from "./production.ts";
import type { Rule } from "./rule.ts";

/** Only feeders write to exchanges that clients share. Anonymous clients only read them. */
export const anonymousWritesShared: Rule = {
  name: "anonymous-writes-shared",
  severity: "warning",
  firesOn: "anonymous may publish to or delete a shared exchange, or a queue of the agents",
  reason:
    "The old expression `^cmc.*$` lets anonymous clients publish to the exchange cmc, and delete it and every queue whose name begins with cmc.",
  remedy: "set `permissions: safe`, unless old clients depend on it",
  source: 'the requirement, "RABBITMQ-SERVER installation"; rabbitmq.com/docs/access-control',
  find: (model, config) =>
    model.clusters.flatMap((cluster) => {
      const anonymous = cluster.users.find((user) => user.name === "anonymous")?.permissions;
      if (!anonymous) return [];
      const names = [
        ...cluster.exchanges.map((exchange) => exchange.name),
        ...productionQueues(cluster).map((queue) => queue.name),
      ];
      const deleted = permitted(anonymous.configure, names);
      const written = permitted(anonymous.write, names);
      if (deleted.length + written.length === 0) return [];
      const own = config.brokers[cluster.name]?.users.anonymous?.permissions !== undefined;
      return [
        {
          path: `warren:brokers.${cluster.name}.${own ? "users.anonymous.permissions" : "permissions"}`,
          message: `anonymous may delete ${list(deleted)} and publish to ${list(written)}`,
          ...(own ? { remedy: "restrict `configure` and `write` to anonymous's own queues" } : {}),
        },
      ];
    }),
};
