import type { Arrival } from "./claims.ts";
import type { CoreOptions } from "./core-options.ts";
import type { Turn } from "./turn.ts";

/** Broker messages carry whole seconds, rounded up. */
const roundingMs = 1000;

/**
 * What an empty pull queue has given out may be in a puller's hands, which tries for a while before it gives a receipt or asks
 * for a twin: the queue must have been empty for so many times `doubtMs`.
 */
const emptyFactor = 3;

/**
 * Deliveries held because their product's publish is known from the ledger alone, and the node that routed it may have died
 * between two queues: in the ledger does not mean in the pull queue. A receipt proves that it was; that a product published
 * later has been pulled, while this one's receipt is still missing after `doubtMs`, is taken for proof that it was not (the pull
 * queue is first in first out); so is a pull queue that stays empty. Without any of these it goes out again after `doubtMaxMs`.
 */
export class Doubts {
  readonly #turn: Turn;
  readonly #options: CoreOptions;
  /** By key; the oldest first. `atMs` of the arrival: since when it is held. */
  readonly #held = new Map<string, Arrival>();
  /** First arrival of the youngest product that was pulled. */
  #pulledAtMs = Number.NEGATIVE_INFINITY;
  /** The pull queue was seen empty from, to. */
  #emptyFromMs = Number.NEGATIVE_INFINITY;
  #emptyToMs = Number.NEGATIVE_INFINITY;

  constructor(turn: Turn, options: CoreOptions) {
    this.#turn = turn;
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  hold(key: string, arrival: Arrival): void {
    this.#held.set(key, arrival);
    this.#turn.push({ type: "doubt", key });
  }

  /** A receipt, of whatever product. */
  sawPulled(atMs: number): void {
    this.#pulledAtMs = Math.max(this.#pulledAtMs, atMs);
  }

  /** The pull queue is empty now, and was since it was seen so the last time, unless that is long ago. */
  sawEmpty(): void {
    const { nowMs } = this.#turn;
    if (nowMs - this.#emptyToMs > this.#options.doubtMs) this.#emptyFromMs = nowMs;
    this.#emptyToMs = nowMs;
  }

  /** The proof has come: what was held for it. */
  settle(key: string): Arrival | undefined {
    const arrival = this.#held.get(key);
    if (!arrival) return undefined;
    this.#held.delete(key);
    this.#turn.push({ type: "doubt-settled", how: "receipt", heldMs: this.#turn.nowMs - arrival.atMs });
    return arrival;
  }

  /** Key of one that was to go out again at `atMs`, or is too many. */
  due(atMs: number): string | undefined {
    const { doubtMs, doubtMaxMs, doubtsMax } = this.#options;
    for (const [key, held] of this.#held) {
      if (this.#held.size > doubtsMax || held.atMs + doubtMaxMs <= atMs) return key;
      // All that follow are younger.
      if (held.atMs + doubtMs > atMs) return undefined;
      if (this.#pulledAtMs - roundingMs >= held.atMs) return key;
      if (this.#emptyToMs - Math.max(this.#emptyFromMs, held.atMs) >= emptyFactor * doubtMs) return key;
    }
    return undefined;
  }

  /** It goes out again. */
  giveUp(key: string): Arrival | undefined {
    const arrival = this.#held.get(key);
    if (!arrival) return undefined;
    this.#held.delete(key);
    this.#turn.push({ type: "doubt-settled", how: "again", heldMs: this.#turn.nowMs - arrival.atMs });
    return arrival;
  }

  forgetDeliveries(): void {
    this.#held.clear();
  }

  giveBack(): void {
    for (const { delivery } of this.#held.values()) this.#turn.push({ type: "requeue", delivery: delivery.id });
    this.#held.clear();
  }
}
