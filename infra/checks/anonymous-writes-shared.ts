import type { Rule } from "./rule.ts";

/** Exchanges that clients share are written by feeders; whoever is anonymous only reads them. */
export const anonymousWritesShared: Rule = {
  name: "anonymous-writes-shared",
  severity: "warning",
  reason:
    "RabbitMQ's permission expressions match anywhere unless they are anchored: the old `^cmc.*$` lets a user without a name publish to, and delete, the exchange cmc and every queue that begins so.",
  find: (model, config) =>
    model.clusters.flatMap((cluster) => {
      const anonymous = cluster.users.find((user) => user.name === "anonymous")?.permissions;
      if (!anonymous) return [];
      const names = [
        ...cluster.exchanges.map((exchange) => exchange.name),
        config.announcements.inputQueue,
        config.announcements.pullQueue,
      ];
      const reached = (expression: string) => names.filter((name) => new RegExp(expression).test(name));
      const deleted = reached(anonymous.configure);
      const written = reached(anonymous.write);
      if (deleted.length + written.length === 0) return [];
      return [
        {
          path: `warren:brokers.${cluster.name}.permissions`,
          message: `anonymous may delete ${list(deleted)} and publish to ${list(written)}`,
          remedy: "set `permissions: safe`, unless old clients depend on it",
        },
      ];
    }),
};

const list = (names: readonly string[]): string => (names.length > 0 ? names.join(", ") : "nothing");
