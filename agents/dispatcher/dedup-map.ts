/** Who brought a product first, and when. */
export interface FirstArrival {
  readonly atMs: number;
  readonly source: string;
}

/** Products are forgotten in this many steps a window: finer costs memory, coarser forgets in bursts. */
const bucketsPerWindow = 64;

/**
 * The products that went out within the window, which is counted from each one's first arrival and never extended. Keys are
 * also listed by time of arrival, so that forgetting costs no search.
 */
export class DedupTable {
  readonly #windowMs: number;
  readonly #bucketMs: number;
  readonly #entries = new Map<string, FirstArrival>();
  /** By number of the time slice of arrival. */
  readonly #buckets = new Map<number, string[]>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
    this.#bucketMs = Math.max(1, Math.ceil(windowMs / bucketsPerWindow));
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The first arrival, while its window lasts. */
  get(key: string, nowMs: number): FirstArrival | undefined {
    const entry = this.#entries.get(key);
    return entry && nowMs < entry.atMs + this.#windowMs ? entry : undefined;
  }

  add(key: string, arrival: FirstArrival): void {
    this.#entries.set(key, arrival);
    const slice = Math.floor(arrival.atMs / this.#bucketMs);
    const bucket = this.#buckets.get(slice);
    if (bucket) bucket.push(key);
    else this.#buckets.set(slice, [key]);
  }

  /** Forgets every product whose whole time slice is over. */
  expire(nowMs: number): void {
    for (const [slice, keys] of this.#buckets) {
      if ((slice + 1) * this.#bucketMs + this.#windowMs > nowMs) continue;
      this.#buckets.delete(slice);
      for (const key of keys) {
        const entry = this.#entries.get(key);
        // A product that came again after its window has a newer entry, in a newer bucket.
        if (entry && entry.atMs + this.#windowMs <= nowMs) this.#entries.delete(key);
      }
    }
  }
}
