import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChannelModel, connect, credentials } from "amqplib";
import { ChannelAcks } from "../../../agents/lib/channel-acks.ts";
import { notFound, onOwnChannel, replyCodeOf } from "../../../agents/lib/own-channel.ts";
import { cutOff, socketOf } from "../../../agents/lib/socket.ts";
import { type Delivery, type PublishingChannel, Subscription } from "../../../agents/lib/subscription.ts";
import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import { acceptUndecodableHeaders } from "../../../agents/lib/undecodable-headers.ts";
import { IsolatingPublisher } from "./isolating-publisher.ts";
import type { LetterPlace } from "./letter.ts";
import { Quiet } from "./quiet.ts";

/** The highest prefetch: AMQP counts it with 16 bits. */
export const lettersMost = 65_535;
/** A broker that has messages delivers some of them within this time. */
const quietMs = 15_000;
const connectTimeoutMs = 10_000;
const closeTimeoutMs = 2000;
/** For the broker to process acks. */
const finishTimeoutMs = 10_000;
const heartbeatSeconds = 10;
/** AMQP's limit. Beyond it amqplib can't send the request, and waits for its answer for ever. */
const exchangeBytesMax = 255;

/** Where to connect: a port of this machine, or a Unix socket. */
export type BrokerPlace = { readonly port: number } | { readonly path: string };

export interface BrokerLogin {
  readonly name: string;
  readonly password: string;
}

/** How much of a queue was read. */
export interface Walked {
  readonly seen: number;
  /** Messages in the queue. */
  readonly of: number;
}

export interface Walk {
  /** Messages to read at most. */
  readonly atMost: number;
  /** Called for each message; the walk waits for its promise. A message that it doesn't ack stays in the queue, at its position. */
  readonly visit: (delivery: Delivery) => Promise<void> | undefined;
  /** Stops the walk. */
  readonly isDone?: () => boolean;
  /** Stops the walk, after visits that have begun. */
  readonly signal?: AbortSignal;
}

/** The dead-letter queue of one broker, on one connection. The first fault closes it. */
export class DeadQueue implements LetterPlace {
  readonly broker: string;
  readonly origins: ReadonlySet<string>;
  readonly publisher: IsolatingPublisher;
  readonly #model: ChannelModel;
  /** The subscriptions' own channel. Nothing is published on it, so no message can close it. */
  readonly #publishing: PublishingChannel;
  readonly #ended: Promise<"ended">;
  #fault: Error | undefined;
  #hasEnded = false;

  private constructor({ broker, origins }: LetterPlace, model: ChannelModel, publishing: PublishingChannel) {
    this.broker = broker;
    this.origins = origins;
    this.publisher = new IsolatingPublisher(model);
    this.#model = model;
    this.#publishing = publishing;
    this.#ended = new Promise((resolve) =>
      model.once("close", () => {
        this.#hasEnded = true;
        resolve("ended");
      }),
    );
  }

  /** @returns undefined if the broker has no dead-letter queue @throws Error with the reason if it can't be reached */
  static async open(
    letters: LetterPlace,
    place: BrokerPlace,
    { name, password }: BrokerLogin,
  ): Promise<DeadQueue | undefined> {
    const model = await connect(
      { protocol: "amqp", hostname: "127.0.0.1", vhost: "%2F", heartbeat: heartbeatSeconds, ...place },
      {
        ...place,
        ...{ timeout: connectTimeoutMs, noDelay: true, credentials: credentials.plain(name, password) },
        clientProperties: { connection_name: `warren dead, ${userInfo().username}@${hostname()}` },
      },
    );
    let queue: DeadQueue | undefined;
    const keep = (error: Error) => {
      if (queue) queue.#fault ??= error;
    };
    // Without a listener Node would end the process. Pending calls fail with the error as well.
    model.on("error", keep);
    // A client may send headers that are nested too deep to decode: such a message is delivered without them.
    acceptUndecodableHeaders(model, () => {});
    // A memory or disk alarm: publishes would block until it clears, and hold their letters.
    model.on("blocked", (reason) => cut(model, `the broker accepts no messages: ${reason}`));
    try {
      const channel = await model.createConfirmChannel();
      channel.on("error", keep);
      queue = new DeadQueue(letters, model, { channel, acks: new ChannelAcks(channel) });
      await queue.count();
      return queue;
    } catch (error) {
      await closeQuietly(model);
      if (replyCodeOf(error) === notFound) return undefined;
      throw error;
    }
  }

  /** Messages that are ready: not delivered to any consumer. */
  async count(): Promise<number> {
    return (await onOwnChannel(this.#model, (channel) => channel.checkQueue(deadLetterQueue))).messageCount;
  }

  /**
   * Why nothing can be published to an exchange; undefined if it exists. Checked first, because a publish to a missing exchange closes its channel, and
   * all publishes in flight on it are lost.
   */
  async exchangeFault(name: string): Promise<string | undefined> {
    const bytes = Buffer.byteLength(name);
    if (bytes > exchangeBytesMax)
      return `the name of its exchange has ${bytes} bytes; the maximum is ${exchangeBytesMax}`;
    try {
      await onOwnChannel(this.#model, (channel) => channel.checkExchange(name));
      return undefined;
    } catch (error) {
      if (replyCodeOf(error) === notFound) return `there is no exchange ${name}`;
      // The connection failed, not this exchange.
      if (this.#hasEnded) throw this.#fault ?? error;
      return (error as Error).message;
    }
  }

  /**
   * Visits messages from the head of the queue. All of them stay unacknowledged until the end, so none is delivered twice; those that were not acked then
   * return to their positions in the queue.
   *
   * @throws Error if the connection closes
   */
  async walk({ atMost, visit, isDone = () => false, signal }: Walk): Promise<Walked> {
    const of = await this.count();
    const expected = Math.min(of, atMost, lettersMost);
    if (expected === 0) return { seen: 0, of };
    const end = Promise.withResolvers<void>();
    end.promise.catch(() => {});
    const visits: Promise<void>[] = [];
    let seen = 0;
    const socket = socketOf(this.#model);
    const quiet = new Quiet(() => socket?.bytesRead ?? 0, quietMs, end.resolve);
    const stop = () => end.resolve();
    signal?.addEventListener("abort", stop, { once: true });
    const broken = (reason: string) => end.reject(this.#fault ?? new Error(reason));
    const onDelivery = (delivery: Delivery) => {
      if (seen === expected || isDone()) return;
      seen++;
      quiet.refresh();
      const visited = visit(delivery);
      if (visited) visits.push(visited);
      if (seen === expected || isDone()) end.resolve();
    };
    const onLost = () => broken("the connection was closed");
    const subscription = new Subscription({ queue: deadLetterQueue, prefetch: expected, onDelivery, onLost }, broken);
    try {
      await subscription.open(this.#model, this.#publishing);
      await end.promise;
    } finally {
      quiet.end();
      signal?.removeEventListener("abort", stop);
      await Promise.allSettled(visits);
      await this.#finish(subscription);
    }
    await Promise.all(visits);
    if (this.#fault) throw this.#fault;
    return { seen, of };
  }

  /** When the channel has closed, the broker has every ack. A broker that is gone does not answer the close. */
  async #finish(subscription: Subscription): Promise<void> {
    const closed = subscription.close().then(
      () => "closed" as const,
      () => "ended" as const,
    );
    const late = sleep(finishTimeoutMs, "late" as const, { ref: false });
    if ((await Promise.race([closed, this.#ended, late])) !== "closed") {
      this.#fault ??= new Error("the connection was closed before the broker had received all acks");
    }
  }

  /** Closes the connection at once; pending calls fail with the reason. */
  cut(reason: string): void {
    cut(this.#model, reason);
  }

  /** Waits at most two seconds: a broker that is gone does not answer. */
  async close(): Promise<void> {
    await Promise.race([closeQuietly(this.#model), sleep(closeTimeoutMs, undefined, { ref: false })]);
  }
}

/** A connection that is closed already throws, which is fine. */
async function closeQuietly(model: ChannelModel): Promise<void> {
  try {
    await model.close();
  } catch {}
}

function cut(model: ChannelModel, reason: string): void {
  const socket = socketOf(model);
  if (socket) cutOff(socket, reason);
}
