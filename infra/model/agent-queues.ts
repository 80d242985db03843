import {
  alternateTopicDefault,
  ledgerKeys,
  ledgerLifetime,
  ledgerQueueAt,
  ledgerQueuePrefix,
  markerTopic,
  markerTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../agents/lib/dispatch-topics.ts";
import { deadLetterExchange, deadLetterQueue } from "../../agents/lib/topology.ts";
import type { StackConfig } from "../config/index.ts";
import { traitsOf } from "../config/series.ts";
import { dispatcherHosts, dispatchingClusters } from "./dispatchers.ts";
import { dispatcherUnit } from "./names.ts";
import type { AgentQueueModel, ClusterModel } from "./types.ts";

/** What dispatchers and pullers say to each other goes under these. */
export const sharedTopics = {
  alternateTopic: alternateTopicDefault,
  twinTopic: twinTopicDefault,
  pulledTopic: pulledTopicDefault,
} as const;

/** Whose ledger a queue is, by its name; undefined for another queue. */
export const ledgerHostOf = (queue: string): string | undefined =>
  queue.startsWith(ledgerQueuePrefix) ? queue.slice(ledgerQueuePrefix.length) : undefined;

/** Mirrored queues are classic ones that a policy copies; a single member has nothing to replicate to. */
export const queueTypeOf = ({
  series,
  members,
}: Pick<ClusterModel, "series"> & { readonly members: readonly unknown[] }) =>
  traitsOf(series).replication === "quorum" && members.length > 1 ? ("quorum" as const) : ("classic" as const);

/** Whether there are agents that say what they have pulled. */
export const hasPullers = (config: StackConfig): boolean =>
  Object.values(config.hosts).some(({ roles, adopted }) => roles.includes("pds") && !adopted);

/**
 * The queues that the agents declare for themselves in a cluster, by name and bindings: observation knows them by these. Their arguments are the
 * agents' own business, but for one that follows from the config.
 */
export function agentQueues(config: StackConfig, cluster: string): AgentQueueModel[] {
  const dispatchers = dispatchersQueues(config, cluster);
  const own = messageAgentQueues(config, cluster);
  const [first] = own;
  // Whoever puts messages aside declares the place for them.
  const isAside = first !== undefined && dispatchers.length === 0;
  return [...dispatchers, ...own, ...(isAside ? [{ ...deadLetters, declaredBy: first.declaredBy }] : [])];
}

const queue = (name: string, exchange: string, ...keys: string[]): AgentQueueModel => ({
  name,
  arguments: {},
  bindings: keys.map((key) => ({ exchange, key })),
});

/** Where agents put aside what can't be read or pulled. */
const deadLetters = queue(deadLetterQueue, deadLetterExchange, "#");

/** The queue of a receiver or bridge, by its name in the config. */
export const messageQueueOf = (kind: "receiver" | "bridge", name: string): string => `cmc.${kind}.${name}`;

/** Those of receivers and bridges, each of which has one. */
function messageAgentQueues({ receivers, bridges }: StackConfig, cluster: string) {
  const at = <Config extends { readonly broker: string }>(all: Readonly<Record<string, Config>>) =>
    Object.entries(all).filter(([, { broker }]) => broker === cluster);
  const by = (kind: "receiver" | "bridge", name: string, [host = ""]: readonly string[]) => ({
    declaredBy: { host, unit: `warren-${kind}-${name}.service` },
  });
  return [
    ...at(receivers).map(([name, { exchange, topics, hosts }]) => ({
      ...queue(messageQueueOf("receiver", name), exchange, ...topics),
      ...by("receiver", name, hosts),
    })),
    ...at(bridges).map(([name, { from, hosts }]) => ({
      ...queue(messageQueueOf("bridge", name), from.exchange, `${from.topicPrefix}.#`),
      ...by("bridge", name, hosts),
    })),
  ];
}

function dispatchersQueues(config: StackConfig, cluster: string): AgentQueueModel[] {
  const { announcements } = config;
  if (!dispatchingClusters(config).includes(cluster)) return [];
  const { exchange, inputQueue, pullQueue, inputTopic, notifyTopic } = announcements;
  const under = (topic: string) => `${topic}.#`;
  return [
    queue(inputQueue, exchange, under(inputTopic), under(alternateTopicDefault)),
    queue(pullQueue, exchange, under(notifyTopic), under(twinTopicDefault)),
    deadLetters,
    ...dispatcherHosts(config, [cluster]).map((host) => ({
      ...queue(
        ledgerQueueAt(host),
        exchange,
        ...ledgerKeys({ notifyTopic, ...sharedTopics }),
        markerTopic(markerTopicDefault, host),
      ),
      arguments: ledgerLifetime(announcements.dedupWindowSeconds),
      declaredBy: { host, unit: dispatcherUnit },
    })),
  ];
}
