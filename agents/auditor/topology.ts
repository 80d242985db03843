import { auditKeys, auditLimit } from "../lib/dispatch-topics.ts";
import { deadLetterExchange, deadLetterTopology, joinTopologies, type Topology } from "../lib/topology.ts";
import { auditQueueOf, type Config } from "./config.ts";

/** What must exist before this auditor's queue does: a dead letter that reaches the auditor alone would be lost. */
export const othersTopology = ({ exchange }: Config): Topology =>
  joinTopologies(deadLetterTopology, { exchanges: [{ name: exchange, type: "topic" }], queues: [] });

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
