import type { Rule } from "./rule.ts";

export const plainManagement: Rule = {
  name: "plain-management",
  severity: "warning",
  firesOn: "the management API over HTTP beside HTTPS (`management.plainPort`)",
  reason:
    "A client of the management API sends its name and password with each request. Over HTTP anybody who captures one request has them, the administrator's too.",
  remedy:
    "remove `management.plainPort` once every client uses HTTPS; until then list the networks of the others in `management.from`",
  source: "RFC 7617, 4 (the Basic scheme is not secure without TLS); rabbitmq.com/docs/management",
  find: (_, config) =>
    Object.entries(config.brokers).flatMap(([name, { management }]) => {
      const { plainPort, address } = management;
      if (plainPort === undefined || address.startsWith("127.")) return [];
      const message = `port ${plainPort} accepts passwords unencrypted`;
      return [{ path: `warren:brokers.${name}.management.plainPort`, message }];
    }),
};
