import type { Step } from "./step.ts";

/** How long the broker may take to settle a publish. What it can't help is not counted: while it is blocked, or disconnected. */
export class Patience {
  readonly #turn: Step;
  #blocked = false;
  #fromMs = Number.NEGATIVE_INFINITY;

  constructor(turn: Step) {
    this.#turn = turn;
  }

  onBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    this.#fromMs = this.#turn.nowMs;
  }

  /** The connection is broken, or to be: the next one starts with a clean sheet. */
  renew(): void {
    this.onBlocked(false);
  }

  isOver(oldestSentAtMs: number): boolean {
    const { nowMs, options } = this.#turn;
    return !this.#blocked && nowMs - Math.max(oldestSentAtMs, this.#fromMs) >= options.confirmTimeoutMs;
  }
}
