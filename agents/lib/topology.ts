import type { Channel } from "amqplib";
import type { QueueType } from "./config.ts";

/** Exchanges, queues and bindings that an agent needs; durable, declared anew on every connect. */
export interface Topology {
  readonly exchanges: readonly { readonly name: string; readonly type: "topic" | "fanout" | "direct" }[];
  readonly queues: readonly QueueDeclaration[];
}

export interface QueueDeclaration {
  readonly name: string;
  /** E.g. `{"x-single-active-consumer": true}`. A queue that exists with other arguments is an error of the broker's. */
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly bindings: readonly { readonly exchange: string; readonly pattern: string }[];
  /** Only this agent uses it: where its arguments differ it may be deleted while it is empty; see `renewQueues`. */
  readonly renewable?: boolean;
}

export const deadLetterExchange = "cmc.dead";
export const deadLetterQueue = "cmc.urp.dead";

/** Where poison messages go, with the reason in their headers. */
export const deadLetterTopology: Topology = {
  exchanges: [{ name: deadLetterExchange, type: "topic" }],
  queues: [{ name: deadLetterQueue, bindings: [{ exchange: deadLetterExchange, pattern: "#" }] }],
};

export function joinTopologies(...topologies: readonly Topology[]): Topology {
  return {
    exchanges: topologies.flatMap((topology) => topology.exchanges),
    queues: topologies.flatMap((topology) => topology.queues),
  };
}

/** What a broker needs to be told with each queue. */
export interface QueueDefaults {
  readonly type: QueueType;
  /** The broker's own, e.g. `4.0.5`; undefined where it didn't say. */
  readonly brokerVersion: string | undefined;
  /** Queues that are there with other arguments, and are only bound. */
  readonly asTheyAre?: ReadonlySet<string>;
}

/** Declaring is idempotent: what exists with the same properties stays as it is, with its messages. */
export async function declareTopology(channel: Channel, topology: Topology, defaults: QueueDefaults): Promise<void> {
  const replication = replicationArguments(defaults);
  for (const exchange of topology.exchanges)
    await channel.assertExchange(exchange.name, exchange.type, { durable: true });
  for (const queue of topology.queues) {
    if (!defaults.asTheyAre?.has(queue.name))
      await channel.assertQueue(queue.name, { durable: true, arguments: { ...replication, ...queue.arguments } });
    for (const binding of queue.bindings) await channel.bindQueue(queue.name, binding.exchange, binding.pattern);
  }
}

/** First major version without mirrored queues, and whose quorum queues give a message up after 20 deliveries, unless told -1. */
const limitSinceMajor = 4;

/**
 * A consumer that dies again and again must not use up a message. Before 4.0 quorum queues had no limit, and take -1 for one that is
 * passed by the first redelivery (seen with 3.10.8): there it must not be said.
 */
export function replicationArguments({ type, brokerVersion = "" }: QueueDefaults): Record<string, unknown> {
  const isNew = Number.parseInt(brokerVersion, 10) >= limitSinceMajor;
  if (type === "classic" || (type === "as-broker" && !isNew)) return {};
  return { "x-queue-type": "quorum", ...(isNew ? { "x-delivery-limit": -1 } : {}) };
}
