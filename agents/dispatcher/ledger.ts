import type { BrokerSession } from "../lib/broker-session.ts";
import type { Delivery, Subscription } from "../lib/subscription.ts";
import type { LedgerRecord } from "./events.ts";
import type { LedgerReader } from "./ledger-record.ts";
import { SyncedAcks } from "./synced-acks.ts";

/** The most that AMQP can say. Nothing is acked before it is on disk, and the disk commits in groups: few would be slow. */
const prefetch = 65_535;

export interface LedgerOptions {
  readonly session: BrokerSession;
  readonly queue: string;
  readonly reader: LedgerReader;
  readonly nowMs: () => number;
  /** Resolves when everything that was remembered so far is on disk; stays open while the disk takes nothing. */
  readonly synced: () => Promise<void>;
  onRecord(record: LedgerRecord): void;
  /** A message that says nothing. */
  onUnreadable(routingKey: string): void;
}

/**
 * The host's own ledger queue, read always, active or not: what it tells goes to the core in its order, and is acked only when what
 * was remembered of it is on disk. While the disk is full nothing is acked, and nothing is lost: the queue keeps it.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  #subscription: Subscription | undefined;
  /** Told to the core, not yet known to be on disk. */
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

  /** Reads from the oldest message that was not acked. */
  resume(): void {
    if (this.#subscription) return;
    const { session, queue } = this.#options;
    const subscription = session.subscribe({
      queue,
      prefetch,
      // What a line that was closed still had on the way comes again by the next one.
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
   * Reads no more: the core can't take what it is told. The channel closes, so that the broker keeps what is not acked: the record that
   * was told last, too, when this is called while it is told.
   */
  pause(): void {
    const subscription = this.#subscription;
    if (!subscription) return;
    this.#subscription = undefined;
    this.#acks.drop();
    void this.#options.session.unsubscribe(subscription);
    void subscription.close();
  }

  /** Reads no more; resolves when what was told is on disk and acked. What else was on its way comes again at the next start. */
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
