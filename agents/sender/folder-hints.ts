import { type FSWatcher, watch } from "node:fs";

/** More folders than this are not watched: the look in between finds what is in them. */
const foldersMax = 2000;

/**
 * Tells that something may have come into a folder, so that nobody has to wait for the next look. A hint and no more: what it misses is
 * found by looking.
 */
export class FolderHints {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onHint: () => void;

  constructor(onHint: () => void) {
    this.#onHint = onHint;
  }

  /** Watches these folders, and no others. */
  cover(folders: readonly string[]): void {
    const wanted = new Set(folders.slice(-foldersMax));
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#watch(folder);
  }

  close(): void {
    this.cover([]);
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, this.#onHint);
      // A folder that is gone, or no watch left to have: looking goes on.
      watcher.on("error", () => watcher.close());
      watcher.on("close", () => {
        if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // As above.
    }
  }
}
