import { knownQueues, list } from "./production.ts";
import type { Rule } from "./rule.ts";

export const quorumOfTwo: Rule = {
  name: "quorum-of-two",
  severity: "warning",
  firesOn: "quorum queues on a cluster of two members",
  reason:
    "A quorum queue works while more than half of its members do, which with two members means both. The queue stops when either fails, and two hosts fail more often than one.",
  remedy: "add a third member; two are acceptable only while one is being replaced",
  source: "rabbitmq.com/docs/quorum-queues, fault tolerance; Raft (Ongaro and Ousterhout, 2014), 5.1",
  find: (model) =>
    model.clusters
      .filter((cluster) => cluster.members.length === 2)
      .flatMap((cluster) => {
        const queues = knownQueues(cluster).filter((queue) => queue.type === "quorum");
        if (queues.length === 0) return [];
        return [
          {
            path: `warren:brokers.${cluster.name}.members`,
            message: `with two members, ${list(queues.map((queue) => queue.name))} can't survive the loss of either`,
          },
        ];
      }),
};
