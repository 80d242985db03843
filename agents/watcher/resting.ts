/** How a file came: its closing was seen, it was renamed or linked into place whole, or it was found by looking. */
export type Coming = "closed" | "moved" | "found";

interface Rest {
  readonly slot: number;
  readonly coming: Coming;
}

/** Files due within the same so many milliseconds come out together. */
const slotMs = 10;

/**
 * Files that came and are left alone for a while, to see whether they stay as they are. Times are of one clock that never
 * steps, in milliseconds. Every operation costs the same however many files rest.
 */
export class Resting {
  readonly #rests = new Map<string, Rest>();
  /** By slot, the paths that were to be due in it; which of them still are, `#rests` says. */
  readonly #slots = new Map<number, string[]>();

  get size(): number {
    return this.#rests.size;
  }

  has(path: string): boolean {
    return this.#rests.has(path);
  }

  /** From now on the file rests until then; what was known of it before no longer counts. */
  rest(path: string, coming: Coming, dueMs: number): void {
    const slot = Math.ceil(dueMs / slotMs);
    const before = this.#rests.get(path);
    this.#rests.set(path, { slot, coming });
    if (before?.slot === slot) return;
    const paths = this.#slots.get(slot);
    if (paths) paths.push(path);
    else this.#slots.set(slot, [path]);
  }

  /** Somebody writes to it: it doesn't rest, and its closing will be told. */
  stir(path: string): void {
    this.#rests.delete(path);
  }

  /** When the next ones may be due; undefined where none rests. */
  get nextDueMs(): number | undefined {
    if (this.#rests.size === 0) {
      this.#slots.clear();
      return undefined;
    }
    let next = Number.POSITIVE_INFINITY;
    for (const slot of this.#slots.keys()) next = Math.min(next, slot);
    return next * slotMs;
  }

  /** Takes out those that are due, the earliest first. */
  take(nowMs: number): { readonly path: string; readonly coming: Coming }[] {
    const due: { path: string; coming: Coming }[] = [];
    const slots = [...this.#slots.keys()].filter((slot) => slot * slotMs <= nowMs).sort((a, b) => a - b);
    for (const slot of slots) {
      for (const path of this.#slots.get(slot) ?? []) {
        const rest = this.#rests.get(path);
        if (rest?.slot !== slot) continue;
        this.#rests.delete(path);
        due.push({ path, coming: rest.coming });
      }
      this.#slots.delete(slot);
    }
    return due;
  }
}
