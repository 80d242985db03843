import { roundingMs, type Step } from "./step.ts";

/** What a subscription is given, and what others are given meanwhile: the broker feeds one consumer at a time. */
export class Feed {
  readonly #turn: Step;
  #sinceMs = 0;
  #lastMs = 0;
  #fed = false;
  #fenced = false;

  constructor(turn: Step) {
    this.#turn = turn;
  }

  /** Another was fed since the subscription began, and we were not. */
  get isFenced(): boolean {
    return this.#fenced;
  }

  /** A new subscription, or a new channel of it. */
  begin(): void {
    this.#sinceMs = this.#turn.nowMs;
    this.#lastMs = this.#turn.nowMs;
    this.#fed = false;
    this.#fenced = false;
  }

  /** True for a delivery after a gap: others may have been fed meanwhile, without our noticing. */
  onDelivery(): boolean {
    const { nowMs, options } = this.#turn;
    const isAfterGap = nowMs - this.#lastMs >= options.deliveryGapMs;
    this.#lastMs = nowMs;
    this.#fed = true;
    this.#fenced = false;
    return isAfterGap;
  }

  /** Another published a product that arrived first at `atMs`. */
  onAnother(atMs: number): void {
    if (!this.#fed && atMs > this.#sinceMs + roundingMs) this.#fenced = true;
  }
}
