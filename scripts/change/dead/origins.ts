import { deadLetterExchange } from "../../../agents/lib/topology.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { agentQueues } from "../../../infra/model/agent-queues.ts";

/**
 * The exchanges from which agents of a stack take messages at a cluster, so those that a dead letter of theirs can come from. A letter's own word is
 * nothing to go by: whoever may publish to the dead-letter exchange writes it, and it is the administrator who gives the letter back.
 */
export function originsAt(config: StackConfig, cluster: string): ReadonlySet<string> {
  const bindings = agentQueues(config, cluster).flatMap((queue) => queue.bindings);
  // What goes back there is a dead letter again.
  return new Set(bindings.flatMap(({ exchange }) => (exchange === deadLetterExchange ? [] : [exchange])));
}
