import type { Rule } from "./rule.ts";

export const pauseMinorityOfTwo: Rule = {
  name: "pause-minority-of-two",
  severity: "error",
  firesOn: "`pause_minority` with two members",
  reason:
    "`pause_minority` stops a node that sees half of the cluster or less. Of two nodes, one alone is half: when either dies, both are gone.",
  remedy: "use autoheal, or a third member",
  source: "rabbitmq.com/docs/partitions",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, broker]) => broker.members.length === 2 && broker.partitionHandling === "pause_minority")
      .map(([name]) => ({
        path: `warren:brokers.${name}.partitionHandling`,
        message: "pause_minority with two members stops the survivor too",
      })),
};
