import { auditKeys, auditLimit, inputQueueOf } from "../lib/dispatch-topics.ts";
import { deadLetterExchange, deadLetterTopology, joinTopologies, type Topology } from "../lib/topology.ts";
import { auditQueueOf, type Config } from "./config.ts";

/**
 * What must exist before this auditor's queue does: an announcement, or a dead letter, that reaches the auditor alone would be lost, because the
 * broker returns only what reaches no queue at all.
 */
export const othersTopology = (config: Config): Topology =>
  joinTopologies(deadLetterTopology, {
    exchanges: [{ name: config.exchange, type: "topic" }],
    queues: [inputQueueOf(config)],
  });

/** This auditor's queue. */
export function ownTopology(config: Config): Topology {
  const { exchange, queueMessagesMax } = config;
  const bindings = auditKeys(config).map((pattern) => ({ exchange, pattern }));
  return {
    exchanges: [],
    queues: [
      {
        name: auditQueueOf(config),
        // One consumer at a time: messages that an old, dead connection of ours holds would be missing in no count.
        arguments: { ...auditLimit(queueMessagesMax), "x-single-active-consumer": true },
        bindings: [...bindings, { exchange: deadLetterExchange, pattern: "#" }],
      },
    ],
  };
}
