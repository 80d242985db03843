import type { Step } from "./step.ts";

/** How long the broker may take to settle a publish. Time while it is blocked or disconnected does not count. */
export class ConfirmTimeout {
  readonly #step: Step;
  #blocked = false;
  #fromMs = Number.NEGATIVE_INFINITY;

  constructor(step: Step) {
    this.#step = step;
  }

  onBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    this.#fromMs = this.#step.nowMs;
  }

  /** The connection is broken or about to be: the timeout starts over with the next one. */
  reset(): void {
    this.onBlocked(false);
  }

  isOver(oldestSentAtMs: number): boolean {
    const { nowMs, options } = this.#step;
    return !this.#blocked && nowMs - Math.max(oldestSentAtMs, this.#fromMs) >= options.confirmTimeoutMs;
  }
}
