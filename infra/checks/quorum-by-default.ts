import type { Rule } from "./rule.ts";

/** Only a note: the setting does what it says, but some clients have to be changed for it. */
export const quorumByDefault: Rule = {
  name: "quorum-by-default",
  severity: "note",
  firesOn: "`defaultQueueType: quorum`",
  reason:
    "A client that declares its existing classic queue again is refused: the broker compares the types. So is one that declares a queue with `x-max-priority` or `x-queue-mode`. Queues that are exclusive, auto-delete or not durable stay classic, on one member.",
  remedy:
    "delete clients' classic queues, once they are empty, before you set it; tell clients which arguments are refused",
  source: "tried with RabbitMQ 4.0.5; rabbitmq.com/docs/vhosts, default queue type; rabbitmq.com/docs/quorum-queues",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, { defaultQueueType }]) => defaultQueueType === "quorum")
      .map(([name]) => ({
        path: `warren:brokers.${name}.defaultQueueType`,
        message: "durable queues that clients have as classic can't be declared again",
      })),
};
