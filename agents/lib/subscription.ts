import type { Channel, ChannelModel, ConsumeMessage } from "amqplib";
import { AckBatch } from "./ack-batch.ts";

/** One message from a queue, to be settled once with `ack` or `requeue`. */
export interface Delivery {
  readonly body: Buffer;
  readonly exchange: string;
  readonly routingKey: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly redelivered: boolean;
  /** Aborted when the channel it came by is gone: the broker gives the message out again, so drop the work. */
  readonly signal: AbortSignal;
  /** Done. Sent in batches; does nothing when the channel is gone. A tag is never acked on another channel. */
  ack(): void;
  /** Not done: the broker gives it out again at once, to whoever is subscribed. */
  requeue(): void;
}

export interface SubscriptionOptions {
  readonly queue: string;
  readonly prefetch: number;
  onDelivery(delivery: Delivery): void;
  /** The channel is gone, and with it every delivery not settled. The session subscribes again by itself. */
  onLost?(): void;
}

/**
 * A consumer on a channel of its own, opened again by its session on every connect. `cancel` stops deliveries; what is in
 * hand can still be settled; the channel closes after the last.
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #onBroken: (reason: string) => void;
  #line: Line | undefined;
  #model: ChannelModel | undefined;
  #cancelled = false;

  constructor(options: SubscriptionOptions, onBroken: (reason: string) => void) {
    this.#options = options;
    this.#onBroken = onBroken;
  }

  /** Deliveries in hand. */
  get inFlight(): number {
    return this.#line?.inFlight ?? 0;
  }

  isOpenOn(model: ChannelModel): boolean {
    return this.#model === model;
  }

  /** For the session: subscribes on a new connection. Rejects where the queue is missing or refused. */
  async open(model: ChannelModel): Promise<void> {
    if (this.#cancelled) return;
    this.#model = model;
    const channel = await model.createChannel();
    const line = new Line(channel, this.#options, this.#onBroken);
    this.#line = line;
    await channel.prefetch(this.#options.prefetch);
    line.consumerTag = (await channel.consume(this.#options.queue, (message) => line.deliver(message))).consumerTag;
    if (this.#cancelled) await this.cancel();
  }

  /** Resolves when the broker sends no more. Deliveries in hand stay ours until settled. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.#line?.cancel();
  }

  /** Sends the acks that wait for their batch and closes the channel: when this resolves, the broker has them. */
  async close(): Promise<void> {
    this.#cancelled = true;
    await this.#line?.close();
  }
}

/** One channel's worth of a subscription: its deliveries, its acks. */
class Line {
  consumerTag: string | undefined;
  inFlight = 0;
  readonly #channel: Channel;
  readonly #options: SubscriptionOptions;
  readonly #onBroken: (reason: string) => void;
  readonly #acks = new AckBatch();
  readonly #gone = new AbortController();
  #cancelled = false;
  #closing: Promise<void> | undefined;

  constructor(channel: Channel, options: SubscriptionOptions, onBroken: (reason: string) => void) {
    this.#channel = channel;
    this.#options = options;
    this.#onBroken = onBroken;
    channel.on("error", (error) => onBroken(`channel of ${options.queue}: ${error.message}`));
    channel.on("close", () => {
      // After a cancel and the last settlement the channel is closed on purpose, and nothing is lost with it.
      const lost = !this.#cancelled || this.inFlight > 0;
      this.inFlight = 0;
      this.#gone.abort();
      if (!this.#cancelled) onBroken(`channel of ${options.queue} closed`);
      if (lost) options.onLost?.();
    });
  }

  deliver(message: ConsumeMessage | null): void {
    if (message === null) {
      // The broker took the consumer off: the queue was deleted. A new connection declares it again.
      this.#onBroken(`queue ${this.#options.queue} was deleted`);
      return;
    }
    this.inFlight++;
    const tag = message.fields.deliveryTag;
    let settled = false;
    const settle = (how: (tag: number) => void): void => {
      if (settled || this.#gone.signal.aborted) return;
      settled = true;
      this.inFlight--;
      how(tag);
      if (this.#cancelled && this.inFlight === 0) setImmediate(() => this.close());
    };
    this.#options.onDelivery({
      body: message.content,
      exchange: message.fields.exchange,
      routingKey: message.fields.routingKey,
      headers: message.properties.headers ?? {},
      redelivered: message.fields.redelivered,
      signal: this.#gone.signal,
      ack: () => settle(this.#ack),
      requeue: () => settle(this.#requeue),
    });
  }

  async cancel(): Promise<void> {
    if (this.#cancelled || this.consumerTag === undefined) return;
    this.#cancelled = true;
    // A channel that is gone delivers no more either.
    await this.#channel.cancel(this.consumerTag).catch(() => {});
    if (this.inFlight === 0) await this.close();
  }

  /** Closing waits for the broker's answer, which comes after it has read every ack that was sent before. */
  async close(): Promise<void> {
    this.#cancelled = true;
    this.#flush();
    if (this.#gone.signal.aborted) return;
    this.#closing ??= this.#channel.close().catch(() => {});
    await this.#closing;
  }

  #flush(): void {
    this.#send(() => {
      for (const { tag, multiple } of this.#acks.flush()) this.#channel.ack(settlementOf(tag), multiple);
    });
  }

  readonly #ack = (tag: number): void => {
    // Everything that becomes done in one turn of the event loop goes out as one frame.
    if (this.#acks.ack(tag)) setImmediate(() => this.#flush());
  };

  readonly #requeue = (tag: number): void => {
    this.#acks.settledOtherwise(tag);
    this.#send(() => this.#channel.nack(settlementOf(tag), false, true));
  };

  /** amqplib throws once a channel is closing; nothing is to be done then: the broker gives everything out again. */
  #send(write: () => void): void {
    if (this.#gone.signal.aborted) return;
    try {
      write();
    } catch {
      this.#gone.abort();
    }
  }
}

/** amqplib reads nothing of a message but its tag when it settles it. */
function settlementOf(deliveryTag: number): Parameters<Channel["ack"]>[0] {
  const fields = { deliveryTag, redelivered: false, exchange: "", routingKey: "" };
  return { fields, content: Buffer.alloc(0), properties: {} as Parameters<Channel["ack"]>[0]["properties"] };
}
