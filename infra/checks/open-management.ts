import type { Rule } from "./rule.ts";

/** A note: it is the default, and passwords are between the network and the broker. */
export const openManagement: Rule = {
  name: "open-management",
  severity: "note",
  firesOn: "the management API on every address, for every network",
  reason:
    "Whoever reaches the management port can try passwords of the administrator, and finds whatever the next fault of the web server is. Few machines have business there.",
  remedy: "say in `management.from` which networks may reach it, or bind `management.address`",
  source: "rabbitmq.com/docs/management, /docs/networking",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, { management }]) => management.address === "0.0.0.0" && management.from.length === 0)
      .map(([name, { management }]) => ({
        path: `warren:brokers.${name}.management`,
        message: `port ${management.port} answers to every network`,
      })),
};
