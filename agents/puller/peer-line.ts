import type { Channel } from "amqplib";
import type { BrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";
import { formatPeerMessage, type PeerMessage, parsePeerMessage } from "./peer-message.ts";

export interface PeerLineOptions {
  /** The connection that announcements come by: see `Peers`. */
  readonly session: Pick<BrokerSession, "state" | "on" | "withChannel">;
  /** The connection that publishes. */
  readonly notices: Pick<BrokerSession, "state" | "on" | "publish">;
  readonly exchange: string;
  readonly topic: string;
  readonly log: Log;
  /** Both ways are open now, after one of them was not. */
  readonly onConnected: () => void;
  readonly onDisconnected: () => void;
  /** The broker gives no such queue. */
  readonly onRefused: () => void;
  readonly onMessage: (message: PeerMessage) => void;
}

/** Nobody answers in a second what is not to be answered in the next: older messages are worth nothing. */
const messagesMax = 10_000;
/** Between a refusal, or a failure, and the next try to hear the others. */
const againMs = 5000;

/**
 * By which a puller hears the others, and speaks to them: a queue of its own that the broker names and that ends with the connection.
 * It is no member of any cluster, and nothing is on disk. Where it can't be had, pulling goes on, and nobody is asked.
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

  /** At once, or not at all. */
  send(message: PeerMessage): void {
    const { notices, exchange, topic, log } = this.#options;
    if (notices.state !== "ready") return;
    const options = { mandatory: false, contentType: "application/json" };
    // What is lost goes with its connection, after which questions and answers begin anew.
    notices.publish(exchange, topic, formatPeerMessage(message), options).catch((error: unknown) => {
      log.warn({ err: error }, "a word to the other pullers can't be sent");
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
    // By a newer connection it hears again.
    if (attempt !== this.#attempt) return;
    this.#hears = false;
    this.#look();
    // The next connect tries it, too; this is for what the broker refuses, and for a queue that somebody deleted.
    if (session.state === "connecting" || session.state === "closed") return;
    if (refusal) {
      log.warn({ err: refusal }, "other pullers can't be heard: what is given out again may be placed twice");
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
    else this.#options.log.debug({ reason: read.reason }, "not understood from another puller");
  }

  #look(): void {
    const isOpen = this.#hears && this.#options.notices.state === "ready";
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    if (isOpen) this.#options.onConnected();
    else this.#options.onDisconnected();
  }
}
