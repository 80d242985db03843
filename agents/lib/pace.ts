/** Milliseconds that a pace is said of. */
const windowMs = 60_000;

interface Count {
  readonly atMs: number;
  readonly done: number;
}

/** How much an agent does, by its count of what it has done, which is read now and then. */
export class Pace {
  /** Of the last minute, the oldest first; one that is older stays, for what came after it. */
  readonly #counts: Count[] = [];
  #lastDoneAt: string | undefined;

  /** @param nowMs milliseconds since 1970; where the clock was set back it begins again */
  count(done: number, nowMs: number): void {
    const last = this.#counts.at(-1);
    if (last && nowMs < last.atMs) this.#counts.length = 0;
    if (done > (last?.done ?? 0)) this.#lastDoneAt = new Date(nowMs).toISOString();
    this.#counts.push({ atMs: nowMs, done });
    while ((this.#counts[1]?.atMs ?? nowMs) <= nowMs - windowMs) this.#counts.shift();
  }

  /** When the count was first seen as high as it is now, as ISO 8601; undefined while nothing was done. */
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
