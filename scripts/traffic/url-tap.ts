import { EventEmitter } from "node:events";
import type { ChannelModel } from "amqplib";
import { codecs } from "../../agents/lib/codecs.ts";
import { closeConnection, connectForEver, type TapOptions } from "./tap.ts";

/** What has been announced to the public so far. */
export interface UrlCounts {
  /** Number of announcements by the last part of a product's URL. */
  readonly announced: ReadonlyMap<string, number>;
  /** Times without a connection. Messages that passed meanwhile are not counted, so counts are then lower bounds. */
  readonly tapGaps: number;
}

export interface UrlTap extends EventEmitter<{ announced: [name: string] }> {
  readonly counts: UrlCounts;
  close(): Promise<void>;
}

/**
 * Subscribes to the public URLs of a topic, with an exclusive queue that the broker deletes with the connection. It reconnects forever and counts
 * each gap.
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
      // Not a URL, so not one of this run's products.
      if (!parsed.ok) return;
      const name = decodeURIComponent(parsed.value.relPath.split("/").at(-1) ?? "");
      counts.announced.set(name, (counts.announced.get(name) ?? 0) + 1);
      events.emit("announced", name);
    };
    await channel.consume(queue, (message) => message && count(message.content), { noAck: true, exclusive: true });
  };
  const connection = await connectForEver(options, setup, () => counts.tapGaps++);
  return Object.assign(events, { counts, close: () => closeConnection(connection) });
}
