import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "../lib/backoff.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import { markHeaders } from "../lib/headers.ts";
import { decodeMessage, encodeMessage, type SpooledMessage } from "../lib/spooled-publisher.ts";
import type { Config } from "./config.ts";

export interface ReannouncerOptions {
  readonly session: Pick<BrokerSession, "publish" | "state" | "isWritable" | "writable" | "on">;
  /** How long a confirmed announcement is kept. */
  readonly keepMs: number;
  /** Announcements kept; beyond it the oldest is dropped. */
  readonly max: number;
  readonly nowMs: () => number;
  readonly events: ReannouncerEvents;
}

export interface ReannouncerEvents {
  reannouncing(count: number): void;
  reannounced(): void;
}

interface Kept {
  /** As text: with the settings of a stack, up to 50,000 are kept. */
  readonly text: string;
  readonly confirmedAtMs: number;
  /** The connection was lost since, and this is not published again yet. */
  isOwed: boolean;
}

/** A few at a time: some hundred a second, so that new announcements don't wait behind them in the input queue. */
const lanes = 5;
const retryBackoff = { minMs: 200, maxMs: 10_000 };

/**
 * After each reconnection, publishes recently confirmed announcements again. This is for brokers that may discard confirmed
 * messages: classic mirrored queues after a partition, when the losing node is restarted and its clients lose their connections.
 * The announcements are marked as repeats, so that the dispatcher accepts those that it has not seen and treats what it believes
 * published as unconfirmed.
 *
 * Kept only in memory: after its own restart an announcer repeats nothing.
 */
export class Reannouncer {
  readonly #options: ReannouncerOptions;
  /** Oldest first. */
  readonly #kept = new Set<Kept>();
  #run = new AbortController();

  constructor(options: ReannouncerOptions) {
    this.#options = options;
    options.session.on("lost", () => {
      // `keepMs` counts back from the loss, however long the outage lasts.
      this.#forget();
      for (const kept of this.#kept) kept.isOwed = true;
      this.#run.abort();
    });
    options.session.on("ready", () => this.#begin());
  }

  /** Announcements that a reconnection would publish again. */
  get kept(): number {
    return this.#kept.size;
  }

  /** The broker has confirmed this one. */
  confirmed(message: SpooledMessage): void {
    this.#kept.add({ text: encodeMessage(message), confirmedAtMs: this.#options.nowMs(), isOwed: false });
    this.#forget();
  }

  stop(): void {
    this.#run.abort();
  }

  #forget(): void {
    const { keepMs, max, nowMs } = this.#options;
    const sinceMs = nowMs() - keepMs;
    for (const kept of this.#kept) {
      if (this.#kept.size <= max && (kept.isOwed || kept.confirmedAtMs >= sinceMs)) return;
      this.#kept.delete(kept);
    }
  }

  #begin(): void {
    const owed = [...this.#kept].filter(({ isOwed }) => isOwed);
    if (owed.length === 0) return;
    this.#options.events.reannouncing(owed.length);
    this.#run = new AbortController();
    const { signal } = this.#run;
    // All lanes consume one list, oldest first. A lost connection stops them.
    const list = owed.values();
    for (let lane = 0; lane < lanes; lane += 1) void this.#sendAll(list, signal);
  }

  async #sendAll(list: IterableIterator<Kept>, signal: AbortSignal): Promise<void> {
    for (const kept of list) {
      await this.#send(decodeMessage(kept.text), signal);
      if (signal.aborted) return;
      kept.isOwed = false;
      this.#forget();
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

/** Undefined if `reannounceSeconds` is 0. */
export function openReannouncer(
  { reannounceSeconds, reannounceMax: max }: Pick<Config, "reannounceSeconds" | "reannounceMax">,
  session: ReannouncerOptions["session"],
  events: ReannouncerEvents,
): Reannouncer | undefined {
  if (reannounceSeconds === 0) return undefined;
  return new Reannouncer({ session, keepMs: reannounceSeconds * 1000, max, nowMs: () => performance.now(), events });
}
