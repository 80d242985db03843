import type { Rule } from "./rule.ts";

export const openDistribution: Rule = {
  name: "open-distribution",
  severity: "warning",
  firesOn: "epmd, distribution and CLI ports open to every host (`firewall: false`)",
  reason:
    "Anybody with access to these ports and the cookie can run code as the broker. The cookie is one secret that all members share and that never expires.",
  remedy: "set `firewall: true`, unless another firewall protects ports 4369, 25672 and 35672-35682",
  source: "rabbitmq.com/docs/networking, ports; Erlang's distribution protocol, security",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, broker]) => !broker.firewall)
      .map(([name]) => ({
        path: `warren:brokers.${name}.firewall`,
        message: "the cluster's internal ports are open to every host",
      })),
};
