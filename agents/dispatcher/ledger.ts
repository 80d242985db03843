import type { BrokerSession } from "../lib/broker-session.ts";
import { isMessageIdOf } from "../lib/dispatch-topics.ts";
import type { Delivery, Subscription } from "../lib/subscription.ts";
import type { LedgerRecord } from "./events.ts";
import type { LedgerGap } from "./ledger-gap.ts";
import type { LedgerReader } from "./ledger-record.ts";
import { SyncedAcks } from "./synced-acks.ts";

/** AMQP's maximum. Nothing is acked before it is on disk, and the disk commits in groups, so a small prefetch would be slow. */
const prefetch = 65_535;
/** Well below the broker's limit for an unacked message (30 minutes). */
const keptMaxMs = 600_000;
/** An expired message is not delivered again, and messages expire after a window. */
const keptShare = 0.25;

export interface LedgerOptions {
  readonly session: BrokerSession;
  readonly queue: string;
  readonly reader: LedgerReader;
  readonly gap: LedgerGap;
  readonly windowMs: number;
  /** Sends one of this host's markers. */
  sendMarker(token: string): void;
  readonly nowMs: () => number;
  /** Resolves once everything remembered so far is on disk; pending while the disk accepts nothing. */
  readonly synced: () => Promise<void>;
  onRecord(record: LedgerRecord): void;
  /** A message that is not a record. */
  onUnreadable(routingKey: string): void;
}

/**
 * This host's own ledger queue. It is always read, active or not. Its records go to the core in order and are acked only once
 * what was remembered of them is on disk. While the disk is full nothing is acked and nothing is lost: the queue keeps it.
 *
 * The last record stays unacked, for `LedgerGap`. Before it is too old, a marker takes its place.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  #subscription: Subscription | undefined;
  /** Passed to the core, not yet known to be on disk. */
  readonly #acks: SyncedAcks;
  #markerDueMs = Number.NEGATIVE_INFINITY;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#acks = new SyncedAcks(options.synced, () => options.gap.onKept());
  }

  /** Read, and not yet on disk. */
  get unacked(): number {
    return Math.max(0, (this.#subscription?.inFlight ?? 0) - this.#acks.kept);
  }

  get isPaused(): boolean {
    return this.#subscription === undefined;
  }

  /** Reads from the oldest unacked message. */
  resume(): void {
    if (this.#subscription) return;
    const { session, queue } = this.#options;
    const subscription = session.subscribe({
      queue,
      prefetch,
      // What a closed channel still delivers is delivered again on the next one.
      onDelivery: (delivery) => {
        if (this.#subscription === subscription) this.#onDelivery(delivery);
      },
      onLost: () => {
        if (this.#subscription !== subscription) return;
        this.#acks.drop();
        this.#startOver();
      },
    });
    this.#subscription = subscription;
    this.#startOver();
  }

  /** Sends a marker if none has shown yet whether the ledger is complete, or if the message that is kept gets old. */
  tick(): void {
    const { session, sendMarker, nowMs } = this.#options;
    if (this.isPaused || session.state !== "ready" || nowMs() < this.#markerDueMs) return;
    this.#markerDueMs = this.#keptUntilMs(nowMs());
    sendMarker(`${session.publisherId}-kept`);
  }

  /**
   * Stops reading because the core has no room. The channel closes, so that the broker keeps unacked records, including the one
   * being handled during this call.
   */
  pause(): void {
    const subscription = this.#subscription;
    if (!subscription) return;
    this.#subscription = undefined;
    this.#acks.drop();
    void this.#options.session.unsubscribe(subscription);
    void subscription.close();
  }

  /**
   * Stops reading. Resolves once all handled records are on disk, and acked but for the last. Others in transit are delivered again at the next start.
   */
  async end(): Promise<void> {
    const subscription = this.#subscription;
    if (!subscription) return;
    this.#subscription = undefined;
    await this.#options.session.unsubscribe(subscription);
    await this.#acks.settled();
  }

  /** When a message that is kept since `atMs` gets old. */
  #keptUntilMs(atMs: number): number {
    return atMs + Math.min(keptMaxMs, this.#options.windowMs * keptShare);
  }

  #startOver(): void {
    this.#options.gap.onSubscribed();
    this.#markerDueMs = Number.NEGATIVE_INFINITY;
  }

  #onDelivery(delivery: Delivery): void {
    const { session, gap, reader, nowMs, onRecord, onUnreadable } = this.#options;
    const atMs = nowMs();
    const records = reader.read(delivery, atMs);
    const [record] = records;
    if (delivery.redelivered) gap.onRedelivery();
    else if (record?.kind === "marker" && isMessageIdOf(session.publisherId, record.token)) gap.onOwnMarker();
    // Under load no marker is needed: each record takes the place of the one before.
    if (this.#markerDueMs > atMs) this.#markerDueMs = this.#keptUntilMs(atMs);
    if (!record) onUnreadable(delivery.routingKey);
    for (const one of records) {
      onRecord(one);
      // It comes again, with all its records.
      if (this.isPaused) return;
    }
    this.#acks.add(delivery);
  }
}
