import type { Arrival } from "./claims.ts";
import { roundingMs, type Step } from "./step.ts";

/**
 * A delivery from a pull queue that is now empty may still be with a puller, which retries for a while before it sends a receipt
 * or a request for a twin. So the queue must have been empty for this many times `doubtMs`.
 */
const emptyFactor = 3;

/** The deliveries held for one product; the first one counts. */
type Held = [Arrival, ...Arrival[]];

/**
 * Deliveries held because their product may be lost. Some are redelivered: their product's publish is known from the ledger only,
 * and the node that routed it may have died between two queues, so a publish in the ledger need not be in the pull queue. Others
 * are announced again, because a broker may have lost a confirmed publish.
 *
 * A receipt proves that the product was in the pull queue. Two things are taken as proof that it was not, because the pull queue
 * is first in, first out: a later product was pulled while this one's receipt is still missing after `doubtMs`, or the pull queue
 * stays empty. With neither, the product is published again after `doubtMaxMs`.
 */
export class UnconfirmedDeliveries {
  readonly #step: Step;
  /** By key, oldest first. A product is held since its first delivery's `atMs`. */
  readonly #redelivered = new Map<string, Held>();
  /** Announced again. After a broker restart there are many, and they are no reason to publish a redelivered one early. */
  readonly #announcedAgain = new Map<string, Held>();
  /** All held deliveries: an announcer that keeps repeating itself must not fill the input. */
  #deliveries = 0;
  /** First arrival of the youngest product that was pulled. */
  #pulledAtMs = Number.NEGATIVE_INFINITY;
  /** When the pull queue was first and last seen empty. */
  #emptyFromMs = Number.NEGATIVE_INFINITY;
  #emptyToMs = Number.NEGATIVE_INFINITY;

  constructor(step: Step) {
    this.#step = step;
  }

  get size(): number {
    return this.#redelivered.size + this.#announcedAgain.size;
  }

  /**
   * Further deliveries of the product are held with the first. A queue that briefly suspected our node may have delivered the
   * same message twice, and its first delivery no longer counts.
   */
  hold(key: string, arrival: Arrival): void {
    const held = this.#redelivered.get(key) ?? this.#announcedAgain.get(key);
    if (held) held.push(arrival);
    else (arrival.delivery.marks.again ? this.#announcedAgain : this.#redelivered).set(key, [arrival]);
    this.#deliveries++;
    if (!held) this.#step.push({ type: "doubt", key });
  }

  /** A receipt of any product. */
  onPulled(atMs: number): void {
    this.#pulledAtMs = Math.max(this.#pulledAtMs, atMs);
  }

  /** Whether the pull queue is empty now. Seen empty twice, it was empty in between, unless the checks are far apart. */
  onOutputSeen(isEmpty: boolean): void {
    const { nowMs } = this.#step;
    if (!isEmpty) {
      this.#emptyToMs = Number.NEGATIVE_INFINITY;
      return;
    }
    if (nowMs - this.#emptyToMs > this.#step.options.doubtMs) this.#emptyFromMs = nowMs;
    this.#emptyToMs = nowMs;
  }

  /** The proof has arrived. Returns everything held for the product. */
  settle(key: string): readonly Arrival[] {
    return this.#remove(key, "receipt") ?? [];
  }

  /** The product is published again. */
  release(key: string): Held | undefined {
    return this.#remove(key, "again");
  }

  /**
   * Key of a product to publish again at `atMs`, because its time is over or because too many are held. However many a killed dispatcher left,
   * redelivered ones wait for their time: they are no more than the prefetch, and each receipt makes room.
   */
  due(atMs: number): string | undefined {
    const { doubtsMax } = this.#step.options;
    return (
      this.#dueOf(this.#redelivered, false, atMs) ??
      this.#dueOf(this.#announcedAgain, this.#deliveries > doubtsMax, atMs)
    );
  }

  forgetDeliveries(): void {
    this.#redelivered.clear();
    this.#announcedAgain.clear();
    this.#deliveries = 0;
  }

  requeueAll(): void {
    for (const held of [...this.#redelivered.values(), ...this.#announcedAgain.values()].flat()) {
      this.#step.push({ type: "requeue", delivery: held.delivery.id });
    }
    this.forgetDeliveries();
  }

  #dueOf(all: ReadonlyMap<string, Held>, tooMany: boolean, atMs: number): string | undefined {
    const { doubtMs, doubtMaxMs } = this.#step.options;
    for (const [key, [held]] of all) {
      if (tooMany || held.atMs + doubtMaxMs <= atMs) return key;
      // All that follow are younger.
      if (held.atMs + doubtMs > atMs) return undefined;
      if (this.#pulledAtMs - roundingMs >= held.atMs) return key;
      if (this.#emptyToMs - Math.max(this.#emptyFromMs, held.atMs) >= emptyFactor * doubtMs) return key;
    }
    return undefined;
  }

  #remove(key: string, how: "receipt" | "again"): Held | undefined {
    const held = this.#redelivered.get(key) ?? this.#announcedAgain.get(key);
    if (!held) return undefined;
    this.#deliveries -= held.length;
    this.#redelivered.delete(key);
    this.#announcedAgain.delete(key);
    this.#step.push({ type: "doubt-settled", how, heldMs: this.#step.nowMs - held[0].atMs });
    return held;
  }
}
