import type { Delivery } from "../lib/subscription.ts";

/** Deliveries that are acked when what was written because of them is on disk: one wait for the disk for all that came meanwhile. */
export class SyncedAcks {
  /** Resolves when everything that was written so far is on disk; stays open while the disk takes nothing. */
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

  /** Those that no wait has begun for are not acked. */
  drop(): void {
    this.#waiting = [];
  }

  /** Resolves when all are acked, or dropped. */
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
    // In the same turn in which nothing was left: whoever comes next starts this again.
    this.#settling = undefined;
  }
}
