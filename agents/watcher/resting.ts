/** How a file arrived: with a close event, renamed or linked into place, or found by a scan. */
export type ArrivalKind = "closed" | "moved" | "found";

interface Rest {
  readonly slot: number;
  readonly how: ArrivalKind;
}

/** Files that are due within the same slot come out together. */
const slotMs = 10;

/**
 * Files that arrived and rest for a while, to see whether they change. Times are milliseconds of a monotonic clock. The cost of an
 * operation doesn't grow with the number of files.
 */
export class Resting {
  readonly #rests = new Map<string, Rest>();
  /** The paths scheduled for each slot. `#rests` decides which of them are still valid. */
  readonly #slots = new Map<number, string[]>();

  get size(): number {
    return this.#rests.size;
  }

  has(path: string): boolean {
    return this.#rests.has(path);
  }

  /** Lets the file rest until `dueMs`. Replaces any earlier entry. */
  rest(path: string, how: ArrivalKind, dueMs: number): void {
    const slot = Math.ceil(dueMs / slotMs);
    const before = this.#rests.get(path);
    this.#rests.set(path, { slot, how });
    if (before?.slot === slot) return;
    const paths = this.#slots.get(slot);
    if (paths) paths.push(path);
    else this.#slots.set(slot, [path]);
  }

  /** The file is being written, so it no longer rests. Its close event will come. */
  interrupt(path: string): void {
    this.#rests.delete(path);
  }

  /** When the next files may be due; undefined if none rests. */
  get nextDueMs(): number | undefined {
    if (this.#rests.size === 0) {
      this.#slots.clear();
      return undefined;
    }
    let next = Number.POSITIVE_INFINITY;
    for (const slot of this.#slots.keys()) next = Math.min(next, slot);
    return next * slotMs;
  }

  /** Removes the files that are due and returns them, earliest first. */
  takeDue(nowMs: number): { readonly path: string; readonly how: ArrivalKind }[] {
    const due: { path: string; how: ArrivalKind }[] = [];
    const slots = [...this.#slots.keys()].filter((slot) => slot * slotMs <= nowMs).sort((a, b) => a - b);
    for (const slot of slots) {
      for (const path of this.#slots.get(slot) ?? []) {
        const rest = this.#rests.get(path);
        if (rest?.slot !== slot) continue;
        this.#rests.delete(path);
        due.push({ path, how: rest.how });
      }
      this.#slots.delete(slot);
    }
    return due;
  }
}
