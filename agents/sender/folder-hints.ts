import { type FSWatcher, watch } from "node:fs";

/** Folders beyond this number are not watched: only scans find their files. */
const foldersMax = 2000;

/** Reports that a folder may have a new file, so that it doesn't wait for the next scan. Only a hint: the scan finds what it misses. */
export class FolderHints {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onHint: () => void;

  constructor(onHint: () => void) {
    this.#onHint = onHint;
  }

  /** Watches exactly these folders. */
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
      // The folder is gone, or there are no more inotify watches: scans still find its files.
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
