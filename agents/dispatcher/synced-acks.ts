import type { Delivery } from "../lib/subscription.ts";

/** Deliveries to ack once what was written for them is on disk. One sync covers all deliveries that arrived meanwhile. */
export class SyncedAcks {
  /** Resolves once everything written so far is on disk; pending while the disk accepts nothing. */
  readonly #synced: () => Promise<void>;
  #waiting: Delivery[] = [];
  #settling: Promise<void> | undefined;

  constructor(synced: () => Promise<void>) {
    this.#synced = synced;
  }

  add(delivery: Delivery): void {
    this.#waiting.push(delivery);
    this.#settling ??= this.#settle();
  }

  /** Those that no sync has started for are not acked. */
  drop(): void {
    this.#waiting = [];
  }

  /** Resolves once all are acked or dropped. */
  async settled(): Promise<void> {
    await this.#settling;
  }

  async #settle(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#synced();
      for (const delivery of batch) delivery.ack();
    }
    // In the same event loop turn in which nothing was left: the next delivery starts this again.
    this.#settling = undefined;
  }
}
