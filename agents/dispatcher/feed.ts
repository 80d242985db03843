import { roundingMs, type Step } from "./step.ts";

/** What the broker delivers to our subscription, and to other hosts meanwhile: it feeds one consumer at a time. */
export class Feed {
  readonly #step: Step;
  #sinceMs = 0;
  #lastMs = 0;
  #fed = false;
  #fenced = false;

  constructor(step: Step) {
    this.#step = step;
  }

  /** Another host was fed since the subscription began, and this host was not. */
  get isFenced(): boolean {
    return this.#fenced;
  }

  /** A new subscription, or a new channel for it. */
  begin(): void {
    this.#sinceMs = this.#step.nowMs;
    this.#lastMs = this.#step.nowMs;
    this.#fed = false;
    this.#fenced = false;
  }

  /** True for a delivery after a gap: another host may have been fed unnoticed. */
  onDelivery(): boolean {
    const { nowMs, options } = this.#step;
    const isAfterGap = nowMs - this.#lastMs >= options.deliveryGapMs;
    this.#lastMs = nowMs;
    this.#fed = true;
    this.#fenced = false;
    return isAfterGap;
  }

  /** Another host published a product that first arrived at `atMs`. */
  onForeignPublish(atMs: number): void {
    if (!this.#fed && atMs > this.#sinceMs + roundingMs) this.#fenced = true;
  }
}
