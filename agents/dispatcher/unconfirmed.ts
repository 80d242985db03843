import type { Arrival } from "./claims.ts";
import { roundingMs, type Step } from "./step.ts";

/**
 * What an empty pull queue has given out may be in a puller's hands, which tries for a while before it gives a receipt or asks
 * for a twin: the queue must have been empty for so many times `doubtMs`.
 */
const emptyFactor = 3;

/** What is held for one product: further deliveries with the first. */
type Held = [Arrival, ...Arrival[]];

/**
 * Deliveries held because their product may be lost. Redelivered ones, whose product's publish is known from the ledger alone: the
 * node that routed it may have died between two queues, so that in the ledger does not mean in the pull queue. And what is announced
 * again, because a broker may have thrown away what it had confirmed. A receipt proves that it was; that a product published
 * later has been pulled, while this one's receipt is still missing after `doubtMs`, is taken for proof that it was not (the pull
 * queue is first in first out); so is a pull queue that stays empty. Without any of these it goes out again after `doubtMaxMs`.
 */
export class UnconfirmedDeliveries {
  readonly #turn: Step;
  /** By key; the oldest first. `atMs` of a key's first: since when it is held. */
  readonly #redelivered = new Map<string, Held>();
  /** Announced again: a broker that comes back has many of them, and they are no reason to send a redelivered one early. */
  readonly #announcedAgain = new Map<string, Held>();
  /** Deliveries held as redelivered ones. */
  #redeliveries = 0;
  /** All that are held: whoever says again and again that it is announced again must not fill the input. */
  #deliveries = 0;
  /** First arrival of the youngest product that was pulled. */
  #pulledAtMs = Number.NEGATIVE_INFINITY;
  /** The pull queue was seen empty from, to. */
  #emptyFromMs = Number.NEGATIVE_INFINITY;
  #emptyToMs = Number.NEGATIVE_INFINITY;

  constructor(turn: Step) {
    this.#turn = turn;
  }

  get size(): number {
    return this.#redelivered.size + this.#announcedAgain.size;
  }

  /**
   * Further ones of the product are held with the first: a queue that suspected us for a moment may have given the same message out
   * twice, and the first delivery of it counts no more.
   */
  hold(key: string, arrival: Arrival): void {
    const redelivered = this.#redelivered.get(key);
    const held = redelivered ?? this.#announcedAgain.get(key);
    if (held) held.push(arrival);
    else (arrival.delivery.marks.again ? this.#announcedAgain : this.#redelivered).set(key, [arrival]);
    if (redelivered || !(held || arrival.delivery.marks.again)) this.#redeliveries++;
    this.#deliveries++;
    if (!held) this.#turn.push({ type: "doubt", key });
  }

  /** A receipt, of whatever product. */
  sawPulled(atMs: number): void {
    this.#pulledAtMs = Math.max(this.#pulledAtMs, atMs);
  }

  /** The pull queue now. Seen empty twice, it was so in between, unless that is long. */
  sawOutput(isEmpty: boolean): void {
    const { nowMs } = this.#turn;
    if (!isEmpty) {
      this.#emptyToMs = Number.NEGATIVE_INFINITY;
      return;
    }
    if (nowMs - this.#emptyToMs > this.#turn.options.doubtMs) this.#emptyFromMs = nowMs;
    this.#emptyToMs = nowMs;
  }

  /** The proof has come: all that was held for it. */
  settle(key: string): readonly Arrival[] {
    return this.#take(key, "receipt") ?? [];
  }

  /** It goes out again. */
  giveUp(key: string): Held | undefined {
    return this.#take(key, "again");
  }

  /** Key of one that was to go out again at `atMs`, or is too many. */
  due(atMs: number): string | undefined {
    const { doubtsMax } = this.#turn.options;
    return (
      this.#dueOf(this.#redelivered, this.#redeliveries > doubtsMax, atMs) ??
      this.#dueOf(this.#announcedAgain, this.#deliveries > doubtsMax, atMs)
    );
  }

  forgetDeliveries(): void {
    this.#redelivered.clear();
    this.#announcedAgain.clear();
    this.#redeliveries = 0;
    this.#deliveries = 0;
  }

  giveBack(): void {
    for (const held of [...this.#redelivered.values(), ...this.#announcedAgain.values()].flat()) {
      this.#turn.push({ type: "requeue", delivery: held.delivery.id });
    }
    this.forgetDeliveries();
  }

  #dueOf(all: ReadonlyMap<string, Held>, tooMany: boolean, atMs: number): string | undefined {
    const { doubtMs, doubtMaxMs } = this.#turn.options;
    for (const [key, [held]] of all) {
      if (tooMany || held.atMs + doubtMaxMs <= atMs) return key;
      // All that follow are younger.
      if (held.atMs + doubtMs > atMs) return undefined;
      if (this.#pulledAtMs - roundingMs >= held.atMs) return key;
      if (this.#emptyToMs - Math.max(this.#emptyFromMs, held.atMs) >= emptyFactor * doubtMs) return key;
    }
    return undefined;
  }

  #take(key: string, how: "receipt" | "again"): Held | undefined {
    const redelivered = this.#redelivered.get(key);
    const held = redelivered ?? this.#announcedAgain.get(key);
    if (!held) return undefined;
    this.#redeliveries -= redelivered?.length ?? 0;
    this.#deliveries -= held.length;
    this.#redelivered.delete(key);
    this.#announcedAgain.delete(key);
    this.#turn.push({ type: "doubt-settled", how, heldMs: this.#turn.nowMs - held[0].atMs });
    return held;
  }
}
