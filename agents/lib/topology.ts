import type { Channel } from "amqplib";

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

/** Declaring is idempotent: what exists with the same properties stays as it is, with its messages. */
export async function declareTopology(channel: Channel, topology: Topology): Promise<void> {
  for (const exchange of topology.exchanges)
    await channel.assertExchange(exchange.name, exchange.type, { durable: true });
  for (const queue of topology.queues) {
    await channel.assertQueue(queue.name, { durable: true, arguments: queue.arguments ?? {} });
    for (const binding of queue.bindings) await channel.bindQueue(queue.name, binding.exchange, binding.pattern);
  }
}
