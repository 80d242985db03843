import type { Delivery } from "../lib/subscription.ts";

/**
 * Deliveries to ack once what was written for them is on disk. One sync covers all deliveries that arrived meanwhile. With
 * `onKept`, the last one stays unacked until another one is on disk, and each time `onKept` is called.
 */
export class SyncedAcks {
  /** Resolves once everything written so far is on disk; pending while the disk accepts nothing. */
  readonly #synced: () => Promise<void>;
  readonly #onKept: (() => void) | undefined;
  #kept: Delivery | undefined;
  #waiting: Delivery[] = [];
  #settling: Promise<void> | undefined;

  constructor(synced: () => Promise<void>, onKept?: () => void) {
    this.#synced = synced;
    this.#onKept = onKept;
  }

  /** Deliveries that stay unacked though they are on disk: one or none. */
  get kept(): number {
    return this.#kept ? 1 : 0;
  }

  add(delivery: Delivery): void {
    this.#waiting.push(delivery);
    this.#settling ??= this.#settle();
  }

  /** Those that no sync has started for are not acked. */
  drop(): void {
    this.#waiting = [];
    this.#kept = undefined;
  }

  /** Resolves once all are acked, kept or dropped. */
  async settled(): Promise<void> {
    await this.#settling;
  }

  async #settle(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#synced();
      const last = this.#onKept ? batch.pop() : undefined;
      if (last) this.#keep(last);
      for (const delivery of batch) delivery.ack();
    }
    // In the same event loop turn in which nothing was left: the next delivery starts this again.
    this.#settling = undefined;
  }

  #keep(delivery: Delivery): void {
    if (delivery.signal.aborted) return;
    this.#kept?.ack();
    this.#kept = delivery;
    this.#onKept?.();
  }
}
