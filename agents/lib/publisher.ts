import { randomBytes } from "node:crypto";
import { type ConfirmChannel, IllegalOperationError, type Options } from "amqplib";
import { formatMessageId } from "./dispatch-topics.ts";
import { routingKeyBytesMax } from "./topics.ts";

export type PublishOutcome = "confirmed" | "returned" | "nacked" | "lost";

export interface PublishOptions {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly contentType?: string;
  /** Default true: a message that no queue accepts comes back as `returned` instead of vanishing. */
  readonly mandatory?: boolean;
  /** AMQP's `timestamp`: whole seconds since 1970. */
  readonly timestampSeconds?: number;
}

/** Publishes in flight beyond which `writable` waits. Measured brokers gain nothing from more (see throughput by window). */
export const inFlightMax = 1000;

const randomIdBytes = 6;
const noHeaders: Readonly<Record<string, unknown>> = Object.freeze({});

/** Publishes with confirms over the attached channel; each message's outcome is reported once. */
export class Publisher {
  /** Unique across processes and restarts, so that a message id means one message: ids are `<publisherId>-<n>`. */
  readonly publisherId = randomBytes(randomIdBytes).toString("base64url");
  readonly #appId: string;
  #sequence = 0;
  #channel: ConfirmChannel | undefined;
  /** Ids that came back by basic.return; the broker sends it before the ack of the same message. */
  #returned = new Set<string>();
  #socketFull = false;
  #inFlight = 0;
  #waiting: (() => void)[] = [];

  constructor(appId: string) {
    this.#appId = appId;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  attach(channel: ConfirmChannel): void {
    this.#channel = channel;
    this.#returned = new Set();
    this.#socketFull = false;
    channel.on("return", (message) => this.#returned.add(String(message.properties.messageId)));
    channel.on("drain", () => {
      this.#socketFull = false;
      this.#wake();
    });
    channel.on("close", () => {
      if (this.#channel === channel) this.detach();
    });
  }

  /** No channel: every publish from now on is `lost` at once; those in flight are reported by their channel. */
  detach(): void {
    this.#channel = undefined;
    this.#socketFull = false;
    this.#wake();
  }

  async publish(
    exchange: string,
    routingKey: string,
    body: Buffer,
    options: PublishOptions = {},
  ): Promise<PublishOutcome> {
    const outcome = Promise.withResolvers<PublishOutcome>();
    this.send(exchange, routingKey, body, options, outcome.resolve);
    return outcome.promise;
  }

  /** See `BrokerSession.send`. */
  send(
    exchange: string,
    routingKey: string,
    body: Buffer,
    options: PublishOptions,
    onOutcome: (outcome: PublishOutcome) => void,
  ): void {
    // A character has at most three bytes of UTF-8, so most keys need no counting.
    if (routingKey.length * 3 > routingKeyBytesMax) checkRoutingKey(routingKey);
    const channel = this.#channel;
    if (!channel) {
      process.nextTick(onOutcome, "lost");
      return;
    }
    const messageId = formatMessageId(this.publisherId, ++this.#sequence);
    let roomLeft: boolean;
    try {
      roomLeft = channel.publish(exchange, routingKey, body, this.#properties(messageId, options), (error) =>
        this.#settle(messageId, error, onOutcome),
      );
    } catch (error) {
      // A closing channel accepts nothing. With any other error the message can never be sent, which the caller must know.
      if (!(error instanceof IllegalOperationError)) throw error;
      process.nextTick(onOutcome, "lost");
      return;
    }
    this.#inFlight++;
    if (!roomLeft) this.#socketFull = true;
  }

  get isWritable(): boolean {
    return !this.#channel || (this.#inFlight < inFlightMax && !this.#socketFull);
  }

  async writable(): Promise<void> {
    while (!this.isWritable) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #properties(messageId: string, options: PublishOptions): Options.Publish {
    const properties: Options.Publish = {
      messageId,
      appId: this.#appId,
      persistent: true,
      mandatory: options.mandatory ?? true,
      headers: options.headers ?? noHeaders,
    };
    if (options.contentType !== undefined) properties.contentType = options.contentType;
    if (options.timestampSeconds !== undefined) properties.timestamp = options.timestampSeconds;
    return properties;
  }

  #settle(messageId: string, error: Error | null, onOutcome: (outcome: PublishOutcome) => void): void {
    this.#inFlight--;
    const returned = this.#returned.size > 0 && this.#returned.delete(messageId);
    if (error) onOutcome(error.message === "message nacked" ? "nacked" : "lost");
    else onOutcome(returned ? "returned" : "confirmed");
    if (this.#waiting.length > 0) this.#wake();
  }

  #wake(): void {
    if (!this.isWritable) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function checkRoutingKey(routingKey: string): void {
  const bytes = Buffer.byteLength(routingKey);
  if (bytes > routingKeyBytesMax)
    throw new RangeError(`routing key has ${bytes} bytes, but at most ${routingKeyBytesMax} fit`);
}
