import type { Rule } from "./rule.ts";

export const plainTextAmqp: Rule = {
  name: "plain-text-amqp",
  severity: "warning",
  firesOn: "AMQP in the clear for other hosts (`plainText`)",
  reason:
    "Passwords and announcements cross the network as they are; whoever sees one login of feeder can publish as feeder.",
  remedy: "set `plainText: false` once every client speaks TLS (`tls: true`, port 5671)",
  source: "rabbitmq.com/docs/ssl; RFC 4616, 4 (PLAIN without a security layer)",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, broker]) => broker.plainText)
      .map(([name, broker]) => ({
        path: `warren:brokers.${name}.plainText`,
        message: `other hosts may speak AMQP in the clear, on port ${broker.port}`,
      })),
};
