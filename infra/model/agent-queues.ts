import type { StackConfig } from "../config/index.ts";
import type { QueueModel } from "./types.ts";

/** Where agents put aside what can't be read or pulled; `agents/lib/topology.ts` declares it, a test holds the two together. */
const deadLetters = { exchange: "cmc.dead", queue: "cmc.urp.dead" } as const;

/**
 * The queues that the agents declare for themselves in a cluster, by name and binding: observation knows them by these. Their arguments are the
 * agents' own business.
 */
export function agentQueues(config: StackConfig, cluster: string): QueueModel[] {
  const { announcements } = config;
  if (announcements.broker !== cluster) return [];
  const queue = (name: string, exchange: string, key: string): QueueModel => ({
    name,
    arguments: {},
    bindings: [{ exchange, key }],
  });
  return [
    queue(announcements.inputQueue, announcements.exchange, `${announcements.inputTopic}.#`),
    queue(announcements.pullQueue, announcements.exchange, `${announcements.notifyTopic}.#`),
    queue(deadLetters.queue, deadLetters.exchange, "#"),
  ];
}
