import type { Rule } from "./rule.ts";

export const plainTextAmqp: Rule = {
  name: "plain-text-amqp",
  severity: "warning",
  firesOn: "unencrypted AMQP from other hosts (`plainText`)",
  reason:
    "Passwords and announcements cross the network unencrypted. Anybody who captures one login of feeder can publish as feeder.",
  remedy: "set `plainText: false` once every client uses TLS (`tls: true`, port 5671)",
  source: "rabbitmq.com/docs/ssl; RFC 4616, 4 (PLAIN without a security layer)",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, broker]) => broker.plainText)
      .map(([name, broker]) => ({
        path: `warren:brokers.${name}.plainText`,
        message: `port ${broker.port} accepts unencrypted AMQP from other hosts`,
      })),
};
