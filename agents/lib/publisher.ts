import { randomBytes } from "node:crypto";
import { type ConfirmChannel, IllegalOperationError } from "amqplib";
import { routingKeyBytesMax } from "./topics.ts";

export type PublishOutcome = "confirmed" | "returned" | "nacked" | "lost";

export interface PublishOptions {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly contentType?: string;
  /** Default true: a message that no queue takes comes back as `returned` instead of vanishing. */
  readonly mandatory?: boolean;
}

/** Publishes in flight beyond which `writable` waits. Measured brokers gain nothing from more (see throughput by window). */
export const inFlightMax = 1000;

/** Publishing with confirms over whichever channel is attached; each message's outcome is told once. */
export class Publisher {
  readonly #appId: string;
  /** Unique over processes and restarts, so that a message id means one message. */
  readonly #idPrefix = randomBytes(6).toString("base64url");
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

  /** No channel: every publish from now on is `lost` at once; those in flight are told by their channel. */
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
    const bytes = Buffer.byteLength(routingKey);
    if (bytes > routingKeyBytesMax)
      throw new RangeError(`routing key has ${bytes} bytes, at most ${routingKeyBytesMax} fit`);
    const channel = this.#channel;
    if (!channel) return "lost";
    const messageId = `${this.#idPrefix}-${(++this.#sequence).toString(36)}`;
    const outcome = Promise.withResolvers<PublishOutcome>();
    const properties = {
      messageId,
      appId: this.#appId,
      persistent: true,
      mandatory: options.mandatory ?? true,
      headers: options.headers ?? {},
      ...(options.contentType === undefined ? {} : { contentType: options.contentType }),
    };
    try {
      const roomLeft = channel.publish(exchange, routingKey, body, properties, (error: Error | null) =>
        this.#settle(messageId, error, outcome.resolve),
      );
      this.#inFlight++;
      if (!roomLeft) this.#socketFull = true;
    } catch (error) {
      // A channel that is closing takes nothing; anything else can never be sent, and is the caller's to know.
      if (error instanceof IllegalOperationError) return "lost";
      throw error;
    }
    return outcome.promise;
  }

  get isWritable(): boolean {
    return !this.#channel || (this.#inFlight < inFlightMax && !this.#socketFull);
  }

  async writable(): Promise<void> {
    while (!this.isWritable) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #settle(messageId: string, error: Error | null, resolve: (outcome: PublishOutcome) => void): void {
    this.#inFlight--;
    const returned = this.#returned.delete(messageId);
    if (error) resolve(error.message === "message nacked" ? "nacked" : "lost");
    else resolve(returned ? "returned" : "confirmed");
    this.#wake();
  }

  #wake(): void {
    if (!this.isWritable) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
