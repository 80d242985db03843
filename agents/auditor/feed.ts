import type { BrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";
import { notFound, preconditionFailed, replyCodeOf } from "../lib/own-channel.ts";
import type { Delivery, Subscription } from "../lib/subscription.ts";
import type { Topology } from "../lib/topology.ts";
import { repairTopology } from "../lib/topology-watch.ts";

export interface FeedOptions {
  readonly session: BrokerSession;
  readonly log: Log;
  readonly queue: string;
  /** Of this queue alone. */
  readonly own: Topology;
  /** What must exist beside it, declared by the session. */
  readonly others: Topology;
  readonly messagesMax: number;
  /** After a lost connection, messages may be missing. */
  readonly mayDiscard: boolean;
  readonly prefetch: number;
  readonly checkMs: number;
  readonly nowMs: () => number;
  onDelivery(delivery: Delivery): void;
  /** Unacked deliveries come again. */
  onLost(): void;
  /** A check at this time found so many messages that no consumer has. */
  onCheck(atMs: number, messages: number): void;
  /** Messages may have been missed since the last check that found none waiting. */
  onGap(why: string): void;
}

/**
 * Between two checks, a queue can't fill up from below this share and be read again, unless more than 18,000 messages a second come (36,000 in the
 * default two seconds). At its limit it stays there until it is read.
 */
const nearlyFull = 0.95;

/** Reads the auditor's queue, and watches whether the queue keeps everything that is published. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #timer: NodeJS.Timeout;
  #subscription: Subscription | undefined;
  /** Since the connection was lost, until that is recorded as a gap. */
  #mayHaveMissed = false;
  #isChecking = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    const { session, checkMs } = options;
    session.on("ready", () => void this.#check());
    session.on("lost", () => this.#lost());
    this.#timer = setInterval(() => void this.#check(), checkMs);
  }

  get isReading(): boolean {
    return this.#subscription !== undefined;
  }

  /** No more deliveries; those that were made can still be acked. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const subscription = this.#subscription;
    this.#subscription = undefined;
    if (subscription) await this.#options.session.unsubscribe(subscription).catch(() => {});
  }

  /** The session subscribes again by itself; this does it, after a check of the queue. */
  #lost(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    this.#mayHaveMissed = this.#options.mayDiscard;
    if (subscription) this.#options.session.unsubscribe(subscription).catch(() => {});
    this.#options.onLost();
  }

  async #check(): Promise<void> {
    const { session, log } = this.#options;
    if (this.#isChecking || session.state !== "ready") return;
    this.#isChecking = true;
    try {
      if (!this.isReading) await this.#declare();
      this.#noteLoss();
      await this.#count();
      await this.#checkOthers();
      if (!this.isReading) this.#subscribe();
    } catch (error) {
      // Also for a queue on a node that is down: what is published meanwhile is not kept.
      if (replyCodeOf(error) === notFound) this.#options.onGap("its queue is missing");
      log.warn({ err: error }, "the auditor's queue can't be checked");
    } finally {
      this.#isChecking = false;
    }
  }

  /** Before a check finds the queue empty: from then on everything counts as read. A check may itself have begun before the loss. */
  #noteLoss(): void {
    if (!this.#mayHaveMissed) return;
    this.#mayHaveMissed = false;
    this.#options.onGap("the connection was lost, and brokers may have discarded messages");
  }

  /** Declares the queue. A queue that was missing, or has other arguments than configured, is made new and is a gap. */
  async #declare(): Promise<void> {
    const { session, own, queue, log, onGap } = this.#options;
    try {
      const missing = await repairTopology(session, own);
      if (missing.length > 0) onGap("its queue was missing");
    } catch (error) {
      if (replyCodeOf(error) !== preconditionFailed) throw error;
      log.warn({ queue, reason: (error as Error).message }, "the queue has other arguments than configured: made new");
      await session.withChannel((channel) => channel.deleteQueue(queue));
      await repairTopology(session, own);
      onGap("its queue was made new with other arguments");
    }
  }

  async #count(): Promise<void> {
    const { session, queue, messagesMax, nowMs, onCheck, onGap } = this.#options;
    const atMs = nowMs();
    const { messageCount } = await session.withChannel((channel) => channel.checkQueue(queue));
    if (messageCount >= messagesMax * nearlyFull) onGap("its queue was full");
    onCheck(atMs, messageCount);
  }

  async #checkOthers(): Promise<void> {
    const { session, others, log } = this.#options;
    try {
      await session.withChannel(async (channel) => {
        for (const { name } of others.queues) await channel.checkQueue(name);
      });
    } catch (error) {
      if (replyCodeOf(error) !== notFound) throw error;
      const queues = await repairTopology(session, others);
      log.error({ queues }, "queues were missing and are declared again: were they deleted?");
    }
  }

  #subscribe(): void {
    const { session, queue, prefetch, onDelivery, onLost } = this.#options;
    const subscription = session.subscribe({
      queue,
      prefetch,
      onDelivery: (delivery) => {
        if (this.#subscription === subscription) onDelivery(delivery);
      },
      onLost: () => {
        if (this.#subscription === subscription) onLost();
      },
    });
    this.#subscription = subscription;
  }
}
