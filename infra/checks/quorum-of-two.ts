import { knownQueues, list } from "./production.ts";
import type { Rule } from "./rule.ts";

export const quorumOfTwo: Rule = {
  name: "quorum-of-two",
  severity: "warning",
  firesOn: "quorum queues on a cluster of two",
  reason:
    "A quorum queue works while more than half of its members do. Of two that is both: whichever dies, the queue stands still, and two hosts fail more often than one.",
  remedy: "give the cluster a third member; for as long as one is being replaced, two will do",
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
            message: `with two members ${list(queues.map((queue) => queue.name))} can't lose either of them`,
          },
        ];
      }),
};
