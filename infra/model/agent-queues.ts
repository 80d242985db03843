import { configSchema as auditorSchema } from "../../agents/auditor/config.ts";
import {
  alternateTopicDefault,
  announcedTopicDefault,
  auditKeys,
  auditLimit,
  auditQueueAt,
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
import { auditorUnit, dispatcherUnit } from "./names.ts";
import type { AgentQueueModel, ClusterModel } from "./types.ts";

/** Topics of messages between dispatchers and pullers. */
export const sharedTopics = {
  alternateTopic: alternateTopicDefault,
  twinTopic: twinTopicDefault,
  pulledTopic: pulledTopicDefault,
} as const;

/** Topics that auditors read, beside the dispatches. */
export const auditTopics = {
  announcedTopic: announcedTopicDefault,
  twinTopic: twinTopicDefault,
  pulledTopic: pulledTopicDefault,
} as const;

/** The host whose ledger a queue is; undefined for other queues. */
export const ledgerHostOf = (queue: string): string | undefined =>
  queue.startsWith(ledgerQueuePrefix) ? queue.slice(ledgerQueuePrefix.length) : undefined;

/** Mirrored queues are classic queues with a policy. A single member has no other member to replicate to. */
export const queueTypeOf = ({
  series,
  members,
}: Pick<ClusterModel, "series"> & { readonly members: readonly unknown[] }) =>
  traitsOf(series).replication === "quorum" && members.length > 1 ? ("quorum" as const) : ("classic" as const);

/** Whether brokers may discard what they confirmed: after a partition, mirrored ones keep what one half had. */
export function mayDiscard({ brokers, announcements }: StackConfig): boolean {
  const broker = brokers[announcements.broker];
  return broker !== undefined && broker.members.length > 1 && queueTypeOf(broker) === "classic";
}

/** Whether there are pullers, which send receipts. */
export const hasPullers = (config: StackConfig): boolean =>
  Object.values(config.hosts).some(({ roles, adopted }) => roles.includes("pds") && !adopted);

/** Monitors. Without a dispatcher there is nothing to audit: an auditor would declare the queues of dispatchers. */
export const auditorHosts = (config: StackConfig): string[] =>
  dispatcherHosts(config).length === 0
    ? []
    : Object.entries(config.hosts).flatMap(([name, { roles, adopted }]) =>
        roles.includes("monitor") && !adopted ? [name] : [],
      );

/**
 * The queues that agents declare in a cluster, with names and bindings for observation. Arguments are up to the agents, except those that follow
 * from the config.
 */
export function agentQueues(config: StackConfig, cluster: string): AgentQueueModel[] {
  const dispatchers = dispatchersQueues(config, cluster);
  const own = messageAgentQueues(config, cluster);
  const [first] = own;
  // An agent that dead-letters messages declares the queue for them.
  const needsDeadLetters = first !== undefined && dispatchers.length === 0;
  return [
    ...dispatchers,
    ...auditorsQueues(config, cluster),
    ...own,
    ...(needsDeadLetters ? [{ ...deadLetters, declaredBy: first.declaredBy }] : []),
  ];
}

/** Names of the queues at a broker that a stack knows: its agents', and those under `warren:brokers`. A client host's queue is a client's. */
export const knownQueues = (config: StackConfig, cluster: string): string[] =>
  [...agentQueues(config, cluster), ...(config.brokers[cluster]?.queues ?? [])].map(({ name }) => name);

const queue = (name: string, exchange: string, ...keys: string[]): AgentQueueModel => ({
  name,
  arguments: {},
  bindings: keys.map((key) => ({ exchange, key })),
});

/** The queue for messages that agents can't parse or pull. */
const deadLetters = queue(deadLetterQueue, deadLetterExchange, "#");

/** The queue of a receiver or bridge, by its name in the config. */
export const messageQueueOf = (kind: "receiver" | "bridge", name: string): string => `cmc.${kind}.${name}`;

/** Whether a queue is a receiver's or a bridge's. */
export const isMessageQueue = (queue: string): boolean => /^cmc\.(receiver|bridge)\./.test(queue);

/** Queues of receivers and bridges, one each. */
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

/** Auditors follow the virtual IP, so with two clusters theirs are at the one that carries the announcements. */
function auditorsQueues(config: StackConfig, cluster: string): AgentQueueModel[] {
  const { broker, exchange, notifyTopic } = config.announcements;
  if (cluster !== broker) return [];
  return auditorHosts(config).map((host) => {
    const own = queue(auditQueueAt(host), exchange, ...auditKeys({ notifyTopic, ...auditTopics }));
    return {
      ...own,
      arguments: auditLimit(auditorSchema.shape.queueMessagesMax.parse(undefined)),
      bindings: [...own.bindings, { exchange: deadLetterExchange, key: "#" }],
      declaredBy: { host, unit: auditorUnit },
    };
  });
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
