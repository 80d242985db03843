import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage } from "amqplib";
import { ChannelAcks } from "./channel-acks.ts";
import { type Headers, type Marks, type ReceivedHeaders, readHeaders, readTimestamp } from "./headers.ts";
import { closeChannel } from "./own-channel.ts";

/** One message from a queue, from any publisher. Everything but the body may be sent on as it is. */
export interface Message {
  readonly body: Buffer;
  readonly exchange: string;
  readonly routingKey: string;
  /** The publisher's own, without `marks` and without what can't be sent on. */
  readonly headers: Headers;
  /** What other warren agents say about it. Each mark counts only under its own topics. */
  readonly marks: Marks;
  /** Names of headers that were dropped. */
  readonly droppedHeaders: readonly string[];
  readonly redelivered: boolean;
  /** As set by its publisher; see `BrokerSession.publisherId` for our own. */
  readonly messageId?: string | undefined;
  /** AMQP's `timestamp`, in seconds since 1970, if its publisher set one. */
  readonly timestampSeconds?: number | undefined;
  readonly contentType?: string | undefined;
  /** Aborted when its channel is gone: the broker redelivers the message, so drop the work. */
  readonly signal: AbortSignal;
}

/** A message to be settled once, with `ack` or `requeue`. */
export interface Delivery extends Message {
  /** Done. Acks are sent in batches; this does nothing if the channel is gone. A tag is never acked on another channel. */
  ack(): void;
  /** Not done: the broker redelivers it at once, to any subscriber. */
  requeue(): void;
}

export interface SubscriptionOptions {
  readonly queue: string;
  /** Unacked deliveries at most, 1 to 65,535. */
  readonly prefetch: number;
  /**
   * Consumes on the publishing channel instead of a separate one. The broker handles a channel in order: if a client dies, the
   * broker processes all its received publishes before it requeues its deliveries.
   */
  readonly sharesPublishingChannel?: boolean;
  onDelivery(delivery: Delivery): void;
  /** The channel is gone, and with it every unsettled delivery. The session subscribes again by itself. */
  onLost?(): void;
}

/** AMQP's limit; a byte that is not valid UTF-8 is read as a character of three bytes. */
const shortTextBytesMax = 255;

/** The publishing channel of a connection, and the acks of what is consumed on it. */
export interface PublishingChannel {
  readonly channel: ConfirmChannel;
  readonly acks: ChannelAcks;
}

/**
 * A consumer, opened again by its session on every connect. `cancel` stops deliveries; unacked ones can still be settled. A
 * separate channel closes after the last; the publishing channel stays.
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

  /** Unacked deliveries. */
  get inFlight(): number {
    return this.#line?.inFlight ?? 0;
  }

  isOpenOn(model: ChannelModel): boolean {
    return this.#model === model;
  }

  /** For the session: subscribes on a new connection. Rejects if the queue is missing or refused. */
  async open(model: ChannelModel, publishing: PublishingChannel): Promise<void> {
    if (this.#cancelled) return;
    this.#model = model;
    const options = this.#options;
    const shared = options.sharesPublishingChannel ?? false;
    const channel = shared ? publishing.channel : await model.createChannel();
    const line = new Line({
      channel,
      acks: shared ? publishing.acks : new ChannelAcks(channel),
      isOwnChannel: !shared,
      options,
      onBroken: this.#onBroken,
    });
    this.#line = line;
    await line.open();
    if (this.#cancelled) await this.cancel();
  }

  /** Resolves once the broker delivers nothing more. Unacked deliveries stay ours until settled. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.#line?.cancel();
  }

  /** Sends the acks that wait for their batch and closes a separate channel: when this resolves, the broker has the acks. */
  async close(): Promise<void> {
    this.#cancelled = true;
    await this.#line?.close();
  }
}

interface LineOptions {
  readonly channel: Channel;
  readonly acks: ChannelAcks;
  readonly isOwnChannel: boolean;
  readonly options: SubscriptionOptions;
  readonly onBroken: (reason: string) => void;
}

/** A subscription on one channel, with its unacked deliveries. */
class Line {
  inFlight = 0;
  readonly acks: ChannelAcks;
  readonly #channel: Channel;
  readonly #isOwnChannel: boolean;
  readonly #options: SubscriptionOptions;
  readonly #onBroken: (reason: string) => void;
  #consumerTag: string | undefined;
  #cancelled = false;
  #closing: Promise<void> | undefined;

  constructor({ channel, acks, isOwnChannel, options, onBroken }: LineOptions) {
    this.#channel = channel;
    this.acks = acks;
    this.#isOwnChannel = isOwnChannel;
    this.#options = options;
    this.#onBroken = onBroken;
    // Errors of the publishing channel are handled by the session.
    if (isOwnChannel) channel.on("error", (error) => onBroken(`channel of ${options.queue}: ${error.message}`));
    channel.on("close", this.#onClose);
  }

  async open(): Promise<void> {
    const { queue, prefetch } = this.#options;
    this.acks.expect(prefetch);
    // One right after the other: on a channel with several consumers, each gets its own prefetch.
    const [, { consumerTag }] = await Promise.all([
      this.#channel.prefetch(prefetch),
      this.#channel.consume(queue, (message) => this.#deliver(message)),
    ]);
    this.#consumerTag = consumerTag;
  }

  async cancel(): Promise<void> {
    if (this.#cancelled || this.#consumerTag === undefined) return;
    this.#cancelled = true;
    // A lost channel delivers no more either.
    await this.#channel.cancel(this.#consumerTag).catch(() => {});
    if (this.inFlight === 0) await this.#closeOwn();
  }

  /** Closing waits for the broker's answer, which follows after it has read every ack sent before. */
  async close(): Promise<void> {
    this.#cancelled = true;
    this.acks.flush();
    await this.#closeOwn();
  }

  /** For `LineDelivery`: one unacked delivery less. */
  settled(): void {
    this.inFlight--;
    if (this.#cancelled && this.inFlight === 0) setImmediate(() => this.#closeOwn());
  }

  #deliver(message: ConsumeMessage | null): void {
    if (message === null) {
      // The broker cancelled the consumer because the queue was deleted. A new connection declares it again.
      this.#onBroken(`queue ${this.#options.queue} was deleted`);
      return;
    }
    this.inFlight++;
    this.#options.onDelivery(new LineDelivery(this, message));
  }

  readonly #onClose = (): void => {
    // After a cancel and the last settlement the channel is closed on purpose, and nothing is lost with it.
    const lost = !this.#cancelled || this.inFlight > 0;
    this.inFlight = 0;
    if (!this.#cancelled && this.#isOwnChannel) this.#onBroken(`channel of ${this.#options.queue} closed`);
    if (lost) this.#options.onLost?.();
  };

  async #closeOwn(): Promise<void> {
    if (!this.#isOwnChannel) {
      // The channel stays open, and its loss no longer concerns this line.
      if (this.inFlight === 0) this.#channel.off("close", this.#onClose);
      return;
    }
    this.acks.flush();
    if (this.acks.isGone) return;
    this.#closing ??= closeChannel(this.#channel);
    await this.#closing;
  }
}

/** One is created for every message, so methods are on the prototype and nothing is copied in advance. */
class LineDelivery implements Delivery {
  readonly body: Buffer;
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly #line: Line;
  readonly #message: ConsumeMessage;
  #headers: ReceivedHeaders | undefined;
  #settled = false;

  constructor(line: Line, message: ConsumeMessage) {
    this.#line = line;
    this.#message = message;
    this.body = message.content;
    this.routingKey = message.fields.routingKey;
    this.redelivered = message.fields.redelivered;
  }

  get exchange(): string {
    return this.#message.fields.exchange;
  }

  get headers(): Headers {
    return this.#read.headers;
  }

  get marks(): Marks {
    return this.#read.marks;
  }

  get droppedHeaders(): readonly string[] {
    return this.#read.dropped;
  }

  get messageId(): string | undefined {
    return this.#message.properties.messageId;
  }

  get timestampSeconds(): number | undefined {
    return readTimestamp(this.#message.properties.timestamp);
  }

  get contentType(): string | undefined {
    const type: unknown = this.#message.properties.contentType;
    return typeof type === "string" && Buffer.byteLength(type) <= shortTextBytesMax ? type : undefined;
  }

  get signal(): AbortSignal {
    return this.#line.acks.signal;
  }

  ack(): void {
    if (this.#settle()) this.#line.acks.ack(this.#message.fields.deliveryTag);
  }

  requeue(): void {
    if (this.#settle()) this.#line.acks.requeue(this.#message.fields.deliveryTag);
  }

  get #read(): ReceivedHeaders {
    this.#headers ??= readHeaders(this.#message.properties.headers);
    return this.#headers;
  }

  #settle(): boolean {
    if (this.#settled || this.#line.acks.isGone) return false;
    this.#settled = true;
    this.#line.settled();
    return true;
  }
}
