import { readLines, writeLines } from "./line-file.ts";

/**
 * Names under which uploads may lie on the server that were never finished: noted on disk before they begin, so that a process that was
 * killed leaves none behind. Not synced: after a loss of power some may stay, under names that nobody reads.
 */
export class Leftovers {
  readonly #file: string;
  /** Of connections that are gone. */
  #old = new Set<string>();
  #current: readonly string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads what an earlier process left. Rejects with what the disk says. */
  async load(): Promise<void> {
    this.#old = new Set(await readLines(this.#file));
  }

  /** These begin now; those that began before are over, or were told to `orphan`. Rejects with what the disk says. */
  async begin(paths: readonly string[]): Promise<void> {
    if (paths.length === 0 && this.#current.length === 0) return;
    this.#current = paths;
    await this.#write();
  }

  /** An upload that nobody knows the end of. */
  orphan(path: string): void {
    this.#old.add(path);
  }

  /** Removes all there are from the server; what that refuses is tried with the next connection. */
  async clean(remove: (path: string) => Promise<void>): Promise<number> {
    if (this.#old.size === 0) return 0;
    let removedCount = 0;
    for (const path of [...this.#old]) {
      await remove(path).then(
        () => {
          this.#old.delete(path);
          removedCount += 1;
        },
        // Gone, or not ours to remove: it stays noted, and hurts nobody meanwhile.
        () => {},
      );
    }
    await this.#write().catch(() => {});
    return removedCount;
  }

  #write(): Promise<void> {
    return writeLines(this.#file, [...this.#old, ...this.#current]);
  }
}
