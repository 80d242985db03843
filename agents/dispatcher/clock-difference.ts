import type { Log } from "../lib/log.ts";

export interface ClockDifferenceOptions {
  /** How long the broker keeps a message in the ledger. */
  readonly windowMs: number;
  readonly log: Log;
}

/**
 * If a message is older than the ledger's lifetime by more than this, it was dated by a different clock. The margin covers the
 * time the broker takes to drop expired messages and the time this process takes to read its prefetched ones.
 */
const marginMs = 60_000;
/**
 * Length of one measurement. Each also needs a minimum of products, so that at least one of them was published and received without delay.
 */
const measureMs = 60_000;
const measuredMin = 3;
/** A measurement expires if no other dispatcher was active for this long. */
const validMs = 900_000;
/** Smaller differences do no harm and are not reported. */
const reportedDifferenceMinMs = 10_000;

/**
 * How far this host's clock is ahead of other dispatchers' clocks, measured by the first arrivals that they report, and the correction to
 * add to those. If this host's clock is hours ahead, everything that others publish looks expired long before it is, and this host
 * publishes it again after a takeover.
 *
 * Two facts are used. First, the lowest age seen within a minute is the clock difference plus a short time in transit; it is added if it is
 * large enough to report. Second, nothing can be older than the ledger's lifetime. A message that seems older proves a difference at once,
 * before a minute was measured. It then counts from now: longer than due, never shorter.
 *
 * What remains: until a minute has been measured, a difference of less than the window shortens the window by that amount. This process
 * can't tell which clock is wrong. If the ledger was declared with a longer window, it holds older messages: they count from now.
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

  /** Another process published, just now or a while ago, a product that arrived first at `reportedMs` by its host's clock. */
  seen(reportedMs: number, nowMs: number): void {
    const ageMs = nowMs - reportedMs;
    if (this.#count >= measuredMin && nowMs - this.#fromMs >= measureMs) this.#measured(nowMs);
    if (this.#count++ === 0) this.#fromMs = nowMs;
    if (ageMs < this.#leastMs) this.#leastMs = ageMs;
    this.#seenAtMs = nowMs;
    // No age is less than the difference, so the lowest age is closest to it.
    if (this.#offsetMs > ageMs) this.#offsetMs = Math.max(0, ageMs);
    else if (this.#offsetMs === 0 && ageMs >= this.#options.windowMs + marginMs) this.#offsetMs = ageMs;
  }

  /** To be added to first arrivals that other hosts report. The result may be later than now. */
  offsetMs(nowMs: number): number {
    return nowMs - this.#seenAtMs < validMs ? this.#offsetMs : 0;
  }

  /** How far this host's clock is ahead (or behind, if negative), if known and large enough to report; else 0. */
  aheadMs(nowMs: number): number {
    const measuredMs = nowMs - this.#seenAtMs < validMs ? this.#measuredMs : undefined;
    return measuredMs === undefined || Math.abs(measuredMs) < reportedDifferenceMinMs ? 0 : measuredMs;
  }

  #measured(nowMs: number): void {
    const beforeMs = this.aheadMs(nowMs);
    // The first measurement may have read nothing but old messages from the queue.
    this.#measuredMs = this.#measurements++ === 0 ? undefined : this.#leastMs;
    this.#leastMs = Number.POSITIVE_INFINITY;
    this.#count = 0;
    if (this.#measuredMs === undefined) return;
    const aheadMs = this.aheadMs(nowMs);
    this.#offsetMs = Math.max(0, aheadMs);
    if ((aheadMs === 0) === (beforeMs === 0)) return;
    const { log } = this.#options;
    if (aheadMs === 0) log.info("this host's clock and the other dispatcher's clock agree again");
    else log.warn({ aheadMs }, "this host's clock and the other dispatcher's clock differ: one of them is wrong");
  }
}
