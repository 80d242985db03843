/** A time of which messages may be missing; milliseconds since 1970. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
  readonly why: string;
}

/** More are merged, so that a broker that fails all night costs little. */
const gapsMax = 100;

/** Times of which this auditor can't know what happened, oldest first; those that touch are one. */
export class Gaps {
  #gaps: Gap[] = [];

  constructor(gaps: readonly Gap[] = []) {
    for (const gap of gaps) this.add(gap);
  }

  get all(): readonly Gap[] {
    return this.#gaps;
  }

  get last(): Gap | undefined {
    return this.#gaps.at(-1);
  }

  /** Returns how many milliseconds are unknown that were not before; without an unbounded beginning (`fromMs` 0). */
  add(gap: Gap): number {
    const before = this.#knownMs;
    const { fromMs, toMs, why } = gap;
    const touching = this.#gaps.filter((one) => one.fromMs <= toMs && one.toMs >= fromMs);
    const others = this.#gaps.filter((one) => !touching.includes(one));
    const merged = {
      fromMs: Math.min(fromMs, ...touching.map((one) => one.fromMs)),
      toMs: Math.max(toMs, ...touching.map((one) => one.toMs)),
      why,
    };
    this.#gaps = [...others, merged].toSorted((one, other) => one.fromMs - other.fromMs);
    this.#mergeOldest();
    return Math.max(0, this.#knownMs - before);
  }

  /** Whether any time between these is unknown. */
  meets(fromMs: number, toMs: number): boolean {
    return this.#gaps.some((gap) => gap.fromMs <= toMs && gap.toMs >= fromMs);
  }

  /** Unknown time between these, in milliseconds. */
  totalMs(fromMs: number, toMs: number): number {
    return this.#gaps.reduce(
      (sum, gap) => sum + Math.max(0, Math.min(gap.toMs, toMs) - Math.max(gap.fromMs, fromMs)),
      0,
    );
  }

  /** Nothing older is asked for. */
  forgetBefore(timeMs: number): void {
    this.#gaps = this.#gaps.filter(({ toMs }) => toMs >= timeMs);
  }

  get #knownMs(): number {
    return this.#gaps.reduce((sum, { fromMs, toMs }) => sum + (fromMs === 0 ? 0 : toMs - fromMs), 0);
  }

  #mergeOldest(): void {
    const [first, second, ...later] = this.#gaps;
    if (this.#gaps.length <= gapsMax || !first || !second) return;
    this.#gaps = [{ ...first, toMs: Math.max(first.toMs, second.toMs) }, ...later];
  }
}
