import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage } from "amqplib";
import { ChannelAcks } from "./channel-acks.ts";
import { type Headers, type Marks, type ReceivedHeaders, readHeaders, readTimestamp } from "./headers.ts";

/** One message from a queue, whoever published it. All of it but the body may be sent on as it is. */
export interface Message {
  readonly body: Buffer;
  readonly exchange: string;
  readonly routingKey: string;
  /** The publisher's own; without what can't be sent on, and without `marks`. */
  readonly headers: Headers;
  /** What other agents of warren say of it. Each counts under its own topics alone. */
  readonly marks: Marks;
  /** Names of headers that were dropped. */
  readonly droppedHeaders: readonly string[];
  readonly redelivered: boolean;
  /** As its publisher named it; see `BrokerSession.publisherId` for our own. */
  readonly messageId?: string | undefined;
  /** AMQP's `timestamp`, in seconds since 1970, where its publisher gave one. */
  readonly timestampSeconds?: number | undefined;
  readonly contentType?: string | undefined;
  /** Aborted when the channel it came by is gone: the broker gives the message out again, so drop the work. */
  readonly signal: AbortSignal;
}

/** A message to be settled once, with `ack` or `requeue`. */
export interface Delivery extends Message {
  /** Done. Sent in batches; does nothing when the channel is gone. A tag is never acked on another channel. */
  ack(): void;
  /** Not done: the broker gives it out again at once, to whoever is subscribed. */
  requeue(): void;
}

export interface SubscriptionOptions {
  readonly queue: string;
  /** Deliveries in hand at once, 1 to 65,535. */
  readonly prefetch: number;
  /**
   * Consumes on the channel that publishes, instead of one of its own. The broker handles a channel in order: of a client that died
   * it takes all publishes that came in before it gives its deliveries out again.
   */
  readonly sharesPublishingChannel?: boolean;
  onDelivery(delivery: Delivery): void;
  /** The channel is gone, and with it every delivery not settled. The session subscribes again by itself. */
  onLost?(): void;
}

/** AMQP's bound; bytes that are not UTF-8 are three each once they are read. */
const shortTextBytesMax = 255;

/** The channel of a connection that publishes, with the settling of what is consumed on it. */
export interface PublishingChannel {
  readonly channel: ConfirmChannel;
  readonly acks: ChannelAcks;
}

/**
 * A consumer, opened again by its session on every connect. `cancel` stops deliveries; what is in hand can still be settled. A
 * channel of its own closes after the last; the one that publishes stays.
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

  /** Resolves when the broker sends no more. Deliveries in hand stay ours until settled. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.#line?.cancel();
  }

  /** Sends the acks that wait for their batch and closes a channel of its own: when this resolves, the broker has them. */
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

/** One channel's worth of a subscription: its deliveries in hand. */
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
    // Errors of the publishing channel are the session's matter.
    if (isOwnChannel) channel.on("error", (error) => onBroken(`channel of ${options.queue}: ${error.message}`));
    channel.on("close", this.#onClose);
  }

  async open(): Promise<void> {
    const { queue, prefetch } = this.#options;
    this.acks.expect(prefetch);
    // One behind the other without a pause: on a channel that several consume on, each gets its own prefetch.
    const [, { consumerTag }] = await Promise.all([
      this.#channel.prefetch(prefetch),
      this.#channel.consume(queue, (message) => this.#deliver(message)),
    ]);
    this.#consumerTag = consumerTag;
  }

  async cancel(): Promise<void> {
    if (this.#cancelled || this.#consumerTag === undefined) return;
    this.#cancelled = true;
    // A channel that is gone delivers no more either.
    await this.#channel.cancel(this.#consumerTag).catch(() => {});
    if (this.inFlight === 0) await this.#closeOwn();
  }

  /** Closing waits for the broker's answer, which comes after it has read every ack that was sent before. */
  async close(): Promise<void> {
    this.#cancelled = true;
    this.acks.flush();
    await this.#closeOwn();
  }

  /** For `LineDelivery`: one in hand less. */
  settled(): void {
    this.inFlight--;
    if (this.#cancelled && this.inFlight === 0) setImmediate(() => this.#closeOwn());
  }

  #deliver(message: ConsumeMessage | null): void {
    if (message === null) {
      // The broker took the consumer off: the queue was deleted. A new connection declares it again.
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
      // The channel lives on, and nothing of this line is to be told when it goes.
      if (this.inFlight === 0) this.#channel.off("close", this.#onClose);
      return;
    }
    this.acks.flush();
    if (this.acks.isGone) return;
    this.#closing ??= this.#channel.close().catch(() => {});
    await this.#closing;
  }
}

/** Made for every message: methods are the prototype's, nothing is copied that nobody asked for. */
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
