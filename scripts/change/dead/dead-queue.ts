import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChannelModel, connect, credentials } from "amqplib";
import { ChannelAcks } from "../../../agents/lib/channel-acks.ts";
import { notFound, onOwnChannel, replyCodeOf } from "../../../agents/lib/own-channel.ts";
import { cutOff, socketOf } from "../../../agents/lib/socket.ts";
import { type Delivery, type PublishingChannel, Subscription } from "../../../agents/lib/subscription.ts";
import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import { acceptUndecodableHeaders } from "../../../agents/lib/undecodable-headers.ts";
import type { LetterPlace } from "./letter.ts";
import { Quiet } from "./quiet.ts";
import { SturdyPublisher } from "./sturdy-publisher.ts";

/** Messages that a client may have in hand: AMQP counts them with 16 bits. */
export const lettersMost = 65_535;
/** A broker that has something to give gives some of it within this time. */
const quietMs = 15_000;
const connectTimeoutMs = 10_000;
const closeTimeoutMs = 2000;
/** For the broker to take up acks. */
const finishTimeoutMs = 10_000;
const heartbeatSeconds = 10;
/** AMQP's bound; amqplib waits for ever for the answer to a question that it could not send. */
const exchangeBytesMax = 255;

/** How a broker is reached: a port of this machine, or a socket in the file system that leads to it. */
export type BrokerPlace = { readonly port: number } | { readonly path: string };

export interface BrokerLogin {
  readonly name: string;
  readonly password: string;
}

/** What a walk saw of a queue. */
export interface Walked {
  readonly seen: number;
  /** Messages that the queue had. */
  readonly of: number;
}

export interface Walk {
  /** Messages that are looked at. */
  readonly atMost: number;
  /** What it doesn't ack stays in the queue, in its place. Its promise is waited for. */
  readonly visit: (delivery: Delivery) => Promise<void> | undefined;
  /** Nothing else is to be seen. */
  readonly isDone?: () => boolean;
  /** Ends it; visits that have begun are waited for. */
  readonly signal?: AbortSignal;
}

/** The dead-letter queue of one broker, by one connection that ends with the first fault. */
export class DeadQueue implements LetterPlace {
  readonly broker: string;
  readonly origins: ReadonlySet<string>;
  readonly publisher: SturdyPublisher;
  readonly #model: ChannelModel;
  /** Of the subscriptions' own: nothing is published by it, so no message can end it. */
  readonly #publishing: PublishingChannel;
  readonly #ended: Promise<"ended">;
  #fault: Error | undefined;
  #hasEnded = false;

  private constructor({ broker, origins }: LetterPlace, model: ChannelModel, publishing: PublishingChannel) {
    this.broker = broker;
    this.origins = origins;
    this.publisher = new SturdyPublisher(model);
    this.#model = model;
    this.#publishing = publishing;
    this.#ended = new Promise((resolve) =>
      model.once("close", () => {
        this.#hasEnded = true;
        resolve("ended");
      }),
    );
  }

  /** @returns undefined where the broker has no such queue @throws Error with the reason where it can't be reached */
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
    // Without a listener Node would end the process. Whoever waits for an answer hears of it, too.
    model.on("error", keep);
    // A stranger's tables, nested too deep: the message comes without them, and the others come, too.
    acceptUndecodableHeaders(model, () => {});
    // An alarm of memory or disk: a publish would wait for its end, and the letters with it.
    model.on("blocked", (reason) => cut(model, `the broker takes no messages: ${reason}`));
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

  /** Messages that nobody has in hand. */
  async count(): Promise<number> {
    return (await onOwnChannel(this.#model, (channel) => channel.checkQueue(deadLetterQueue))).messageCount;
  }

  /**
   * Why nothing can be published to an exchange; undefined where it is there. Asked before anything is done: a publish to one that is missing ends its
   * channel, and with it what else is under way there.
   */
  async exchangeFault(name: string): Promise<string | undefined> {
    const bytes = Buffer.byteLength(name);
    if (bytes > exchangeBytesMax) return `the name of its exchange has ${bytes} bytes, at most ${exchangeBytesMax} fit`;
    try {
      await onOwnChannel(this.#model, (channel) => channel.checkExchange(name));
      return undefined;
    } catch (error) {
      if (replyCodeOf(error) === notFound) return `there is no exchange ${name}`;
      // That is no fault of this exchange.
      if (this.#hasEnded) throw this.#fault ?? error;
      return (error as Error).message;
    }
  }

  /**
   * Goes through the queue from its head. All that is seen is in hand until the end, so nothing is seen twice; what was not acked then is in the queue
   * again, where it was.
   *
   * @throws Error where the connection ends
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
    const onLost = () => broken("the connection ended");
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

  /** When a channel is closed the broker has every ack. One that is gone answers to no close. */
  async #finish(subscription: Subscription): Promise<void> {
    const closed = subscription.close().then(
      () => "closed" as const,
      () => "ended" as const,
    );
    const late = sleep(finishTimeoutMs, "late" as const, { ref: false });
    if ((await Promise.race([closed, this.#ended, late])) !== "closed") {
      this.#fault ??= new Error("the connection ended before the broker had heard all");
    }
  }

  /** Ends the connection this instant; what waits for it ends with the reason. */
  cut(reason: string): void {
    cut(this.#model, reason);
  }

  /** Where the broker is gone nobody answers. */
  async close(): Promise<void> {
    await Promise.race([closeQuietly(this.#model), sleep(closeTimeoutMs, undefined, { ref: false })]);
  }
}

/** One that has ended already throws: that is what was wanted. */
async function closeQuietly(model: ChannelModel): Promise<void> {
  try {
    await model.close();
  } catch {}
}

function cut(model: ChannelModel, reason: string): void {
  const socket = socketOf(model);
  if (socket) cutOff(socket, reason);
}
