import type { Rule } from "./rule.ts";

export const guestEnabled: Rule = {
  name: "guest-enabled",
  severity: "warning",
  firesOn: "guest with tags or permissions",
  reason:
    "guest is RabbitMQ's default user, known by name to everybody. The requirement takes its tag away and changes its password; what it may still do, whoever finds the password may do.",
  remedy: "take `users.guest` out of the broker; give who needs it a user of their own",
  source: 'the requirement, "RABBITMQ-SERVER installation" ("takeaway administrator privileges from guest")',
  find: (model) =>
    model.clusters.flatMap((cluster) => {
      const guest = cluster.users.find((user) => user.name === "guest");
      const has = [
        ...(guest?.tags.length ? [`the tags ${guest.tags.join(", ")}`] : []),
        ...(guest?.permissions ? ["permissions"] : []),
        ...(cluster.administrator.name === "guest" ? ["the administrator's rights"] : []),
      ];
      if (has.length === 0) return [];
      return [{ path: `warren:brokers.${cluster.name}.users.guest`, message: `guest has ${has.join(" and ")}` }];
    }),
};
