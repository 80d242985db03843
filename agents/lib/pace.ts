/** The period over which the pace is measured, in milliseconds. */
const windowMs = 60_000;

interface Count {
  readonly atMs: number;
  readonly done: number;
}

/** How much an agent does, from periodic readings of its count of what it has done. */
export class Pace {
  /** Readings of the last minute, oldest first; one older reading stays, as the base of the first one. */
  readonly #counts: Count[] = [];
  #lastDoneAt: string | undefined;

  /** @param nowMs milliseconds since 1970; if the clock was set back, counting starts over */
  count(done: number, nowMs: number): void {
    const last = this.#counts.at(-1);
    if (last && nowMs < last.atMs) this.#counts.length = 0;
    if (done > (last?.done ?? 0)) this.#lastDoneAt = new Date(nowMs).toISOString();
    this.#counts.push({ atMs: nowMs, done });
    while ((this.#counts[1]?.atMs ?? nowMs) <= nowMs - windowMs) this.#counts.shift();
  }

  /** When the count first reached its current value, as ISO 8601; undefined while nothing was done. */
  get lastDoneAt(): string | undefined {
    return this.#lastDoneAt;
  }

  /** Of the last minute; undefined until it has run for one. */
  get donePerMinute(): number | undefined {
    const [first, last] = [this.#counts[0], this.#counts.at(-1)];
    if (!first || !last || last.atMs - first.atMs < windowMs) return undefined;
    return Math.round(((last.done - first.done) * windowMs) / (last.atMs - first.atMs));
  }
}
