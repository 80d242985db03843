import type { SentBetween } from "./product.ts";

/**
 * Up to when everything that was published has been read. Each check of the queue tells whether messages wait in it. A message that a check did not see
 * may still be on its way to this process, so a time counts only once the next check finds the queue empty too.
 */
export class Hearing {
  readonly #checkMs: number;
  #heardMs: number;
  /** The last check, if it found the queue empty. */
  #emptyAtMs: number | undefined;

  /** @param heardMs of an earlier process */
  constructor(checkMs: number, heardMs: number) {
    this.#checkMs = checkMs;
    this.#heardMs = heardMs;
  }

  /** Everything published until then has been read. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** A check at `atMs` found that many messages that no consumer had. */
  checked(atMs: number, messages: number): void {
    if (messages > 0) {
      this.#emptyAtMs = undefined;
      return;
    }
    this.#heardMs = this.#emptyAtMs ?? this.#heardMs;
    this.#emptyAtMs = atMs;
  }

  /** Messages may wait, or be read again. */
  lost(): void {
    this.#emptyAtMs = undefined;
  }

  /** From now on, because the clock was set or the queue is new. */
  restart(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#emptyAtMs = undefined;
  }

  /** Whether messages arrive as they are published. */
  isLive(nowMs: number): boolean {
    return this.#emptyAtMs !== undefined && nowMs - this.#emptyAtMs <= checksLate * this.#checkMs;
  }

  /** When a message that arrives now can have been published. */
  sentBetween(nowMs: number): SentBetween {
    return { sinceMs: this.isLive(nowMs) ? nowMs : this.#heardMs, nowMs };
  }
}

/** One check may be late or lost. */
const checksLate = 3;
