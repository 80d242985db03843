import type { Channel } from "amqplib";
import type { QueueType } from "./config.ts";

/** Exchanges, queues and bindings that an agent needs; durable, declared again on every connect. */
export interface Topology {
  readonly exchanges: readonly { readonly name: string; readonly type: "topic" | "fanout" | "direct" }[];
  readonly queues: readonly QueueDeclaration[];
}

export interface QueueDeclaration {
  readonly name: string;
  /** E.g. `{"x-single-active-consumer": true}`. For an existing queue with other arguments the broker reports an error. */
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly bindings: readonly { readonly exchange: string; readonly pattern: string }[];
  /** Only this agent uses it: if its arguments differ, it may be deleted while it is empty; see `renewQueues`. */
  readonly renewable?: boolean;
  /** With so many messages it counts as empty: its reader leaves them in it. */
  readonly keptMessages?: number;
}

export const deadLetterExchange = "cmc.dead";
export const deadLetterQueue = "cmc.urp.dead";

/** Where dead letters go, with the reason in their headers. */
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

/** What each queue's declaration depends on besides the topology. */
export interface QueueDefaults {
  readonly type: QueueType;
  /** The broker's own version, e.g. `4.0.5`; undefined if it did not report one. */
  readonly brokerVersion: string | undefined;
  /** Existing queues with other arguments, which are only bound. */
  readonly asTheyAre?: ReadonlySet<string>;
  /** Exchanges and queues that others declare and bind. */
  readonly given?: readonly string[];
}

/** Declaring is idempotent: what exists with the same properties stays, with its messages. */
export async function declareTopology(channel: Channel, topology: Topology, defaults: QueueDefaults): Promise<void> {
  const replication = replicationArguments(defaults);
  const isOwn = ({ name }: { readonly name: string }) => !defaults.given?.includes(name);
  for (const exchange of topology.exchanges.filter(isOwn))
    await channel.assertExchange(exchange.name, exchange.type, { durable: true });
  for (const queue of topology.queues.filter(isOwn)) {
    if (!defaults.asTheyAre?.has(queue.name))
      await channel.assertQueue(queue.name, { durable: true, arguments: { ...replication, ...queue.arguments } });
    for (const binding of queue.bindings) await channel.bindQueue(queue.name, binding.exchange, binding.pattern);
  }
}

/**
 * First major version without mirrored queues, and whose quorum queues drop a message after 20 deliveries, unless the limit is -1.
 */
const limitSinceMajor = 4;

/**
 * A consumer that crashes repeatedly must not use up a message. Before 4.0 quorum queues had no limit, and interpret -1 as one
 * that the first redelivery exceeds (seen with 3.10.8): there it must not be set.
 */
export function replicationArguments({ type, brokerVersion = "" }: QueueDefaults): Record<string, unknown> {
  const isNew = Number.parseInt(brokerVersion, 10) >= limitSinceMajor;
  if (type === "classic" || (type === "as-broker" && !isNew)) return {};
  return { "x-queue-type": "quorum", ...(isNew ? { "x-delivery-limit": -1 } : {}) };
}
