import type { Rule } from "./rule.ts";

export const openLoopbackUsers: Rule = {
  name: "open-loopback-users",
  severity: "warning",
  firesOn: "`loopbackUsers` without guest",
  reason:
    "guest is the first user name that an attacker tries. Only `loopback_users` restricts it to the broker's own host; the value `none`, which many guides recommend, opens it to the network.",
  remedy: "add guest to `loopbackUsers`; create separate users for remote clients",
  source: 'the requirement, "RABBITMQ-SERVER installation" (guest); rabbitmq.com/docs/access-control, default user',
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, broker]) => !broker.loopbackUsers.includes("guest"))
      .map(([name]) => ({
        path: `warren:brokers.${name}.loopbackUsers`,
        message: "guest may log in from any host",
      })),
};
