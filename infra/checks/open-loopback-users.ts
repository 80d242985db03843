import type { Rule } from "./rule.ts";

export const openLoopbackUsers: Rule = {
  name: "open-loopback-users",
  severity: "warning",
  firesOn: "`loopbackUsers` without guest",
  reason:
    "guest is the name that everybody tries first. RabbitMQ takes it from its own host only because `loopback_users` says so; `none`, which many guides give, opens it to the network.",
  remedy: "put guest back into `loopbackUsers`; give remote clients users of their own",
  source: 'the requirement, "RABBITMQ-SERVER installation" (guest); rabbitmq.com/docs/access-control, default user',
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, broker]) => !broker.loopbackUsers.includes("guest"))
      .map(([name]) => ({
        path: `warren:brokers.${name}.loopbackUsers`,
        message: "guest may log in from any host",
      })),
};
