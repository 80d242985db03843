import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";

/** Messages since a broker's start, as it counts them itself. */
export interface BrokerMessages {
  /** Published to it. */
  readonly received: number;
  /** Delivered to consumers; a message in three queues counts three times. */
  readonly delivered: number;
}

const sumOf = (counter: string): string =>
  `lists:sum([maps:get(${counter}, One, 0) || One <- maps:values(rabbit_global_counters:overview())])`;

/** Of all connections and queues. Exact: not the statistics of the management API, which lag. */
export async function messagesOf(broker: Pick<LocalBroker, "evaluate">): Promise<BrokerMessages> {
  const answer = await broker.evaluate(`{${sumOf("messages_received_total")}, ${sumOf("messages_delivered_total")}}`);
  const [, received, delivered] = /^\{ok,\{(\d+),(\d+)\}\}$/.exec(answer) ?? [];
  if (received === undefined) throw new Error(`the broker did not report its messages: ${answer}`);
  return { received: Number(received), delivered: Number(delivered) };
}
