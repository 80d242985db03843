import type { Rule } from "./rule.ts";

/** Only a note: this is the default, and the API does require a password. */
export const openManagement: Rule = {
  name: "open-management",
  severity: "note",
  firesOn: "the management API on every address and open to every network",
  reason:
    "Anybody with access to the management port can guess the administrator's password and exploit vulnerabilities of the web server. Few hosts need that access.",
  remedy: "list the networks that need access in `management.from`, or bind `management.address` to one address",
  source: "rabbitmq.com/docs/management, /docs/networking",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, { management }]) => management.address === "0.0.0.0" && management.from.length === 0)
      .map(([name, { management }]) => ({
        path: `warren:brokers.${name}.management`,
        message: `port ${management.port} is open to every network`,
      })),
};
