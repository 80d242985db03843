import type { Rule } from "./rule.ts";

export const openDistribution: Rule = {
  name: "open-distribution",
  severity: "warning",
  firesOn: "epmd, distribution and CLI ports for everybody (`firewall: false`)",
  reason:
    "Whoever reaches these ports and has the cookie runs code as the broker; the cookie is one word that is the same on every member and never expires.",
  remedy: "leave `firewall` on, unless another one guards 4369, 25672 and 35672-35682",
  source: "rabbitmq.com/docs/networking, ports; Erlang's distribution protocol, security",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, broker]) => !broker.firewall)
      .map(([name]) => ({
        path: `warren:brokers.${name}.firewall`,
        message: "the ports between members are open to all hosts",
      })),
};
