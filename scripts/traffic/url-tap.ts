import { EventEmitter } from "node:events";
import type { ChannelModel } from "amqplib";
import { codecs } from "../../agents/lib/codecs.ts";
import { closeConnection, connectForEver, type TapOptions } from "./tap.ts";

/** What was announced to the public so far. */
export interface UrlCounts {
  /** Times that a product's URL went by, by its last part. */
  readonly announced: ReadonlyMap<string, number>;
  /** Times that the connection was lost: what went by meanwhile is not in the counts, which are then lower bounds. */
  readonly tapGaps: number;
}

export interface UrlTap extends EventEmitter<{ announced: [name: string] }> {
  readonly counts: UrlCounts;
  close(): Promise<void>;
}

/**
 * Listens to URLs that go to the public under a topic, on an exclusive queue that goes with the connection. Rejects when the first
 * connection fails; after that it reconnects for ever and counts each gap.
 */
export async function openUrlTap(options: Omit<TapOptions, "hosts"> & { readonly topic: string }): Promise<UrlTap> {
  const counts = { announced: new Map<string, number>(), tapGaps: 0 };
  const events = new EventEmitter<{ announced: [string] }>();
  const setup = async (model: ChannelModel): Promise<void> => {
    const channel = await model.createChannel();
    const { queue } = await channel.assertQueue("", { exclusive: true, durable: false });
    await channel.bindQueue(queue, options.exchange, `${options.topic}.#`);
    const count = (body: Buffer): void => {
      const parsed = codecs.exp.parse({ body });
      // Not a URL: none of a run's products.
      if (!parsed.ok) return;
      const name = decodeURIComponent(parsed.value.relPath.split("/").at(-1) ?? "");
      counts.announced.set(name, (counts.announced.get(name) ?? 0) + 1);
      events.emit("announced", name);
    };
    await channel.consume(queue, (message) => message && count(message.content), { noAck: true, exclusive: true });
  };
  const connection = await connectForEver(options, setup);
  connection.on("disconnect", () => {
    counts.tapGaps++;
  });
  return Object.assign(events, { counts, close: () => closeConnection(connection) });
}
