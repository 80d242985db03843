import type { Log } from "../lib/log.ts";

export interface ClockDifferenceOptions {
  /** For so long the broker keeps a message in the ledger. */
  readonly windowMs: number;
  readonly log: Log;
}

/**
 * A message that is older than the ledger keeps any, by more than this, was dated by another clock than ours. The broker takes its time
 * to throw away what is too old, and so does this process to read what it was given.
 */
const marginMs = 60_000;
/** A measurement takes so long, and so many products: of those one was sent on, and came here, at once. */
const measureMs = 60_000;
const measuredMin = 3;
/** What was measured says nothing any more when no other dispatcher has worked for so long. */
const validMs = 900_000;
/** Smaller differences harm nothing and are not told. */
export const clockDifferenceToldMs = 10_000;

/**
 * How far this host's clock is ahead of those of other dispatchers, by the first arrivals that they tell, and what to add to these. A clock
 * that is hours ahead would take all that others send on for long over, and this host, when it takes over, would send it on again.
 *
 * Two things are known. The least age of what came within a minute is the difference, but for the moment on the way: so much is added
 * where it is worth telling. And nothing is older than the ledger keeps it: what seems to be shows a difference at once, before there
 * was a minute to measure; it counts from now then, longer than due and never shorter.
 *
 * What remains: until a minute has been measured, a difference of less than the window shortens the window by itself. Which of the
 * clocks is wrong nobody knows here. A ledger that was declared with a longer window than now holds older messages: they count from now.
 */
export class ClockDifference {
  readonly #options: ClockDifferenceOptions;
  #fromMs = Number.NEGATIVE_INFINITY;
  #leastMs = Number.POSITIVE_INFINITY;
  #count = 0;
  #measurements = 0;
  #measuredMs: number | undefined;
  #seenAtMs = Number.NEGATIVE_INFINITY;
  #offsetMs = 0;

  constructor(options: ClockDifferenceOptions) {
    this.#options = options;
  }

  /** Another process sent on, just now or a while ago, what arrived first at `saidMs` by its host's clock. */
  seen(saidMs: number, nowMs: number): void {
    const ageMs = nowMs - saidMs;
    if (this.#count >= measuredMin && nowMs - this.#fromMs >= measureMs) this.#measured(nowMs);
    if (this.#count++ === 0) this.#fromMs = nowMs;
    if (ageMs < this.#leastMs) this.#leastMs = ageMs;
    this.#seenAtMs = nowMs;
    // No age is less than the difference: the least of all is the nearest to it.
    if (this.#offsetMs > ageMs) this.#offsetMs = Math.max(0, ageMs);
    else if (this.#offsetMs === 0 && ageMs >= this.#options.windowMs + marginMs) this.#offsetMs = ageMs;
  }

  /** To be added to first arrivals that other hosts tell; what comes out may be later than now. */
  offsetMs(nowMs: number): number {
    return nowMs - this.#seenAtMs < validMs ? this.#offsetMs : 0;
  }

  /** How far this host's clock is ahead (or, below 0, behind), where that is known and worth telling; else 0. */
  aheadMs(nowMs: number): number {
    const measuredMs = nowMs - this.#seenAtMs < validMs ? this.#measuredMs : undefined;
    return measuredMs === undefined || Math.abs(measuredMs) < clockDifferenceToldMs ? 0 : measuredMs;
  }

  #measured(nowMs: number): void {
    const beforeMs = this.aheadMs(nowMs);
    // The first one may have read what was long in the queue, and nothing else.
    this.#measuredMs = this.#measurements++ === 0 ? undefined : this.#leastMs;
    this.#leastMs = Number.POSITIVE_INFINITY;
    this.#count = 0;
    if (this.#measuredMs === undefined) return;
    const aheadMs = this.aheadMs(nowMs);
    this.#offsetMs = Math.max(0, aheadMs);
    if ((aheadMs === 0) === (beforeMs === 0)) return;
    const { log } = this.#options;
    if (aheadMs === 0) log.info("this host's clock and the other dispatcher's agree again");
    else log.warn({ aheadMs }, "this host's clock and the other dispatcher's differ: one of them is wrong");
  }
}
