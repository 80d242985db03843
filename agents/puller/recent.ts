/** Recent events by name, at most `max`; the oldest is forgotten first. */
export class Recent {
  readonly #max: number;
  /** Insertion order is age: a repeated name moves to the end. */
  readonly #atMs = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  add(name: string, nowMs: number): void {
    this.#atMs.delete(name);
    this.#atMs.set(name, nowMs);
    if (this.#atMs.size <= this.#max) return;
    const oldest = this.#atMs.keys().next().value;
    if (oldest !== undefined) this.#atMs.delete(oldest);
  }

  has(name: string): boolean {
    return this.#atMs.has(name);
  }

  /** Whether it happened within the last `withinMs`. */
  hasSince(name: string, nowMs: number, withinMs: number): boolean {
    const atMs = this.#atMs.get(name);
    return atMs !== undefined && nowMs - atMs <= withinMs;
  }
}
