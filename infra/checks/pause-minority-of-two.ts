import type { Rule } from "./rule.ts";

export const pauseMinorityOfTwo: Rule = {
  name: "pause-minority-of-two",
  severity: "error",
  firesOn: "`pause_minority` with two members",
  reason:
    "`pause_minority` stops a node that sees half of the cluster or less. One node of two is half, so when either fails the other stops as well.",
  remedy: "use autoheal, or add a third member",
  source: "rabbitmq.com/docs/partitions",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, broker]) => broker.members.length === 2 && broker.partitionHandling === "pause_minority")
      .map(([name]) => ({
        path: `warren:brokers.${name}.partitionHandling`,
        message: "pause_minority with two members also stops the surviving member",
      })),
};
