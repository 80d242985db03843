import type { Channel } from "amqplib";
import type { BrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";
import { formatPeerMessage, type PeerMessage, parsePeerMessage } from "./peer-message.ts";

export interface PeerLineOptions {
  /** The connection that announcements arrive by: see `Peers`. */
  readonly session: Pick<BrokerSession, "state" | "on" | "withChannel">;
  /** The connection that publishes. */
  readonly notices: Pick<BrokerSession, "state" | "on" | "publish">;
  readonly exchange: string;
  readonly topic: string;
  readonly log: Log;
  /** Both directions are open, after one of them was not. */
  readonly onConnected: () => void;
  readonly onDisconnected: () => void;
  /** The broker refuses such a queue. */
  readonly onRefused: () => void;
  readonly onMessage: (message: PeerMessage) => void;
}

/** What is not answered within a second is not answered later: older messages are worthless. */
const messagesMax = 10_000;
/** Pause between a refusal or failure and the next attempt to consume. */
const againMs = 5000;

/**
 * How a puller receives other pullers' messages and sends its own: by a server-named queue that ends with the connection. It is
 * not replicated, and nothing is on disk. If it can't be declared, pulling continues and the other pullers are not asked.
 */
export class PeerLine {
  readonly #options: PeerLineOptions;
  #hears = false;
  #isOpen = false;
  #attempt = 0;
  #again: NodeJS.Timeout | undefined;

  constructor(options: PeerLineOptions) {
    this.#options = options;
    const { session, notices } = options;
    session.on("ready", () => void this.#listen());
    for (const event of ["ready", "unblocked"] as const) notices.on(event, () => this.#look());
    for (const event of ["lost", "blocked"] as const) notices.on(event, () => this.#look());
  }

  /** Sends at once, or not at all. */
  send(message: PeerMessage): void {
    const { notices, exchange, topic, log } = this.#options;
    if (notices.state !== "ready") return;
    const options = { mandatory: false, contentType: "application/json" };
    // A lost message goes with its connection; after a reconnect, questions and answers start over.
    notices.publish(exchange, topic, formatPeerMessage(message), options).catch((error: unknown) => {
      log.warn({ err: error }, "a message to the other pullers can't be sent");
    });
  }

  async #listen(): Promise<void> {
    const { session, log, onRefused } = this.#options;
    clearTimeout(this.#again);
    this.#attempt += 1;
    const attempt = this.#attempt;
    const refusal = await session
      .withChannel((channel) => this.#hear(channel, attempt))
      .then(
        () => undefined,
        (error: Error) => error,
      );
    // A newer connection consumes already.
    if (attempt !== this.#attempt) return;
    this.#hears = false;
    this.#look();
    // A new connection tries again anyway. This is for what the broker refuses, and for a queue that was deleted.
    if (session.state === "connecting" || session.state === "closed") return;
    if (refusal) {
      log.warn({ err: refusal }, "can't receive other pullers' messages: a redelivered product may be placed twice");
      onRefused();
    }
    this.#again = setTimeout(() => void this.#listen(), againMs).unref();
  }

  /** Resolves when the queue or the channel is gone. */
  async #hear(channel: Channel, attempt: number): Promise<void> {
    const { exchange, topic } = this.#options;
    const gone = Promise.withResolvers<void>();
    channel.on("close", () => gone.resolve());
    const { queue } = await channel.assertQueue("", {
      exclusive: true,
      durable: false,
      arguments: { "x-queue-type": "classic", "x-max-length": messagesMax },
    });
    await channel.bindQueue(queue, exchange, topic);
    await channel.consume(
      queue,
      (message) => {
        if (message) this.#onBody(message.content);
        else gone.resolve();
      },
      { noAck: true, exclusive: true },
    );
    if (attempt !== this.#attempt) return;
    this.#hears = true;
    this.#look();
    await gone.promise;
  }

  #onBody(body: Buffer): void {
    const read = parsePeerMessage(body);
    if (read.ok) this.#options.onMessage(read.value);
    else this.#options.log.debug({ reason: read.reason }, "unreadable message from another puller: ignored");
  }

  #look(): void {
    const isOpen = this.#hears && this.#options.notices.state === "ready";
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    if (isOpen) this.#options.onConnected();
    else this.#options.onDisconnected();
  }
}
