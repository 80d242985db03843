import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "../lib/backoff.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import { markHeaders } from "../lib/headers.ts";
import type { SpooledMessage } from "../lib/spooled-publisher.ts";
import type { Config } from "./config.ts";

export interface ReannouncerOptions {
  readonly session: Pick<BrokerSession, "publish" | "state" | "isWritable" | "writable" | "on">;
  /** How long a confirmed announcement is kept for this. */
  readonly keepMs: number;
  /** Announcements kept; the oldest makes room for the newest. */
  readonly max: number;
  readonly nowMs: () => number;
  readonly events: ReannouncerEvents;
}

export interface ReannouncerEvents {
  reannouncing(count: number): void;
  reannounced(): void;
}

interface Kept {
  readonly message: SpooledMessage;
  readonly confirmedAtMs: number;
}

/** A few at a time: some hundred a second beside what is announced for the first time, which then waits for nobody in the input queue. */
const lanes = 5;
const retryBackoff = { minMs: 200, maxMs: 10_000 };

/**
 * Announces once more, after each new connection, what was confirmed lately. For brokers that may throw away what they have
 * confirmed: classic mirrored queues after a partition, when the losing side is restarted; its clients lose their connections with
 * that. Marked as said before, so that the dispatcher lets through what it has not, and doubts what it thinks is out.
 *
 * Kept in memory alone: an announcer that was restarted since has nothing to say again.
 */
export class Reannouncer {
  readonly #options: ReannouncerOptions;
  /** The oldest first. */
  readonly #kept = new Set<Kept>();
  #run = new AbortController();
  #wasLost = false;
  /** Lanes that have not said everything again yet. */
  #underWay = 0;

  constructor(options: ReannouncerOptions) {
    this.#options = options;
    options.session.on("lost", () => {
      // The time counts back from here, however long it takes until there is a broker again.
      this.#forget();
      this.#wasLost = true;
      this.#run.abort();
    });
    options.session.on("ready", () => {
      if (this.#wasLost) this.#begin();
      this.#wasLost = false;
    });
  }

  /** Announcements that would go out again. */
  get kept(): number {
    return this.#kept.size;
  }

  /** The broker has this one. */
  confirmed(message: SpooledMessage): void {
    this.#kept.add({ message, confirmedAtMs: this.#options.nowMs() });
    this.#forget();
  }

  stop(): void {
    this.#run.abort();
  }

  #forget(): void {
    const { keepMs, max, nowMs } = this.#options;
    // Nothing gets too old while it can't be said, or is being said.
    const sinceMs = this.#wasLost || this.#underWay > 0 ? 0 : nowMs() - keepMs;
    for (const kept of this.#kept) {
      if (this.#kept.size <= max && kept.confirmedAtMs >= sinceMs) return;
      this.#kept.delete(kept);
    }
  }

  #begin(): void {
    if (this.#kept.size === 0) return;
    this.#options.events.reannouncing(this.#kept.size);
    this.#run = new AbortController();
    this.#underWay = 0;
    const { signal } = this.#run;
    // All lanes take from one list. A connection that goes ends them; the next one begins with all of it again.
    const messages = [...this.#kept].map(({ message }) => message).values();
    for (let lane = 0; lane < lanes; lane += 1) {
      this.#underWay += 1;
      void this.#sendAll(messages, signal).finally(() => {
        // A run that was broken off is begun anew: until then nothing is forgotten.
        if (!signal.aborted) this.#underWay -= 1;
      });
    }
  }

  async #sendAll(messages: IterableIterator<SpooledMessage>, signal: AbortSignal): Promise<void> {
    for (const message of messages) {
      await this.#send(message, signal);
      if (signal.aborted) return;
    }
  }

  async #send(
    { exchange, routingKey, body, headers, contentType }: SpooledMessage,
    signal: AbortSignal,
  ): Promise<void> {
    const { session, events } = this.#options;
    const options = {
      headers: { ...headers, ...markHeaders({ again: true }) },
      ...(contentType === undefined ? {} : { contentType }),
    };
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      if (!session.isWritable) await session.writable();
      if (signal.aborted) return;
      const outcome = await session.publish(exchange, routingKey, body, options);
      if (outcome === "confirmed") return events.reannounced();
      await delay(backoffMs(retryBackoff, attempt), undefined, { signal }).catch(() => {});
    }
  }
}

/** None where the config says so. */
export function openReannouncer(
  { reannounceSeconds, reannounceMax: max }: Pick<Config, "reannounceSeconds" | "reannounceMax">,
  session: ReannouncerOptions["session"],
  events: ReannouncerEvents,
): Reannouncer | undefined {
  if (reannounceSeconds === 0) return undefined;
  return new Reannouncer({ session, keepMs: reannounceSeconds * 1000, max, nowMs: () => performance.now(), events });
}
