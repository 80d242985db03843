import type { BrokerSession } from "../lib/broker-session.ts";
import type { Delivery, Subscription } from "../lib/subscription.ts";
import type { LedgerRecord } from "./events.ts";
import type { LedgerReader } from "./ledger-record.ts";
import { SyncedAcks } from "./synced-acks.ts";

/** AMQP's maximum. Nothing is acked before it is on disk, and the disk commits in groups, so a small prefetch would be slow. */
const prefetch = 65_535;

export interface LedgerOptions {
  readonly session: BrokerSession;
  readonly queue: string;
  readonly reader: LedgerReader;
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
 */
export class Ledger {
  readonly #options: LedgerOptions;
  #subscription: Subscription | undefined;
  /** Passed to the core, not yet known to be on disk. */
  readonly #acks: SyncedAcks;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#acks = new SyncedAcks(options.synced);
  }

  /** Read, not acked. */
  get unacked(): number {
    return this.#subscription?.inFlight ?? 0;
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
        if (this.#subscription === subscription) this.#acks.drop();
      },
    });
    this.#subscription = subscription;
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
   * Stops reading. Resolves once all handled records are on disk and acked. Others in transit are delivered again at the next start.
   */
  async end(): Promise<void> {
    const subscription = this.#subscription;
    if (!subscription) return;
    this.#subscription = undefined;
    await this.#options.session.unsubscribe(subscription);
    await this.#acks.settled();
  }

  #onDelivery(delivery: Delivery): void {
    const { reader, nowMs, onRecord, onUnreadable } = this.#options;
    const record = reader.read(delivery, nowMs());
    if (record) onRecord(record);
    else onUnreadable(delivery.routingKey);
    if (this.isPaused) return;
    this.#acks.add(delivery);
  }
}
