import { deadLetterExchange } from "../../../agents/lib/topology.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { agentQueues } from "../../../infra/model/agent-queues.ts";

/**
 * The exchanges of a cluster from which agents of a stack consume, which are the possible origins of dead letters. A letter's own header is not trusted:
 * anybody who may publish to the dead-letter exchange writes it, and the replay publishes as administrator.
 */
export function originsAt(config: StackConfig, cluster: string): ReadonlySet<string> {
  const bindings = agentQueues(config, cluster).flatMap((queue) => queue.bindings);
  // A message replayed to that exchange would be dead-lettered again.
  return new Set(bindings.flatMap(({ exchange }) => (exchange === deadLetterExchange ? [] : [exchange])));
}
