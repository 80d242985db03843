import { readLines, writeLines } from "./line-file.ts";

/**
 * Names of partial files that may be left on the server. They are recorded on disk before the uploads begin, so that the next process
 * can remove the partial files of a killed one. Not synced: after a loss of power some may stay, under names that nobody reads.
 */
export class Leftovers {
  readonly #file: string;
  /** Those of previous connections. */
  #old = new Set<string>();
  #current: readonly string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads the list of an earlier process. Rejects with the disk's error. */
  async load(): Promise<void> {
    this.#old = new Set(await readLines(this.#file));
  }

  /** Records the uploads that begin now. Earlier ones have ended or were passed to `orphan`. Rejects with the disk's error. */
  async begin(paths: readonly string[]): Promise<void> {
    if (paths.length === 0 && this.#current.length === 0) return;
    this.#current = paths;
    await this.#write();
  }

  /** Call it for an upload whose result is unknown. */
  orphan(path: string): void {
    this.#old.add(path);
  }

  /** Removes all partial files from the server; refused ones are retried with the next connection. */
  async clean(remove: (path: string) => Promise<void>): Promise<number> {
    if (this.#old.size === 0) return 0;
    let removedCount = 0;
    for (const path of [...this.#old]) {
      await remove(path).then(
        () => {
          this.#old.delete(path);
          removedCount += 1;
        },
        // It stays recorded and does no harm.
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
