import type { Rule } from "./rule.ts";

export const guestEnabled: Rule = {
  name: "guest-enabled",
  severity: "warning",
  firesOn: "guest with tags or permissions",
  reason:
    "guest is RabbitMQ's well-known default user. The requirement removes its tag and changes its password. Any rights that remain are open to anybody who guesses the password.",
  remedy: "remove `users.guest` from the broker; create a separate user for each client",
  source: 'the requirement, "RABBITMQ-SERVER installation" ("takeaway administrator privileges from guest")',
  find: (model) =>
    model.clusters.flatMap((cluster) => {
      const guest = cluster.users.find((user) => user.name === "guest");
      const has = [
        ...(guest?.tags.length ? [`the tags ${guest.tags.join(", ")}`] : []),
        ...(guest?.permissions ? ["permissions"] : []),
        ...(cluster.administrator.name === "guest" ? ["the administrator's role"] : []),
      ];
      if (has.length === 0) return [];
      return [{ path: `warren:brokers.${cluster.name}.users.guest`, message: `guest has ${has.join(" and ")}` }];
    }),
};
