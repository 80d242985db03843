import { setTimeout as delay } from "node:timers/promises";

/** One scan of a folder and everything below it. */
export interface ScanTask {
  readonly folder: string;
  /** Why, and since when arrivals may be unknown (milliseconds since 1970); undefined if the folder is new. */
  readonly gap: { readonly reason: string; readonly sinceMs: number } | undefined;
}

export interface TreeScansOptions {
  readonly run: (task: ScanTask) => Promise<void>;
  readonly onFailure: (error: Error) => void;
  /** Stops all scanning. */
  readonly signal: AbortSignal;
}

const retryDelayMs = 1_000;

/**
 * Scans to make, one at a time: gaps first, then new folders. A failed scan is repeated until it succeeds; of several waiting
 * gaps of one folder, the earliest time counts.
 */
export class TreeScans {
  readonly #options: TreeScansOptions;
  readonly #gaps = new Map<string, { readonly reason: string; readonly sinceMs: number }>();
  readonly #folders = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(options: TreeScansOptions) {
    this.#options = options;
  }

  /** A folder that was added to the tree: everything in it is new, however old. */
  appeared(folder: string): void {
    this.#folders.add(folder);
    this.#start();
  }

  gap(folder: string, reason: string, sinceMs: number): void {
    this.#gaps.set(folder, { reason, sinceMs: Math.min(sinceMs, this.#gaps.get(folder)?.sinceMs ?? sinceMs) });
    this.#start();
  }

  /** Resolves when the current scan has ended. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #start(): void {
    this.#running ??= this.#runAll();
  }

  async #runAll(): Promise<void> {
    const { run, onFailure, signal } = this.#options;
    // Never in the caller's event loop turn: it may still be in the middle of something.
    await Promise.resolve();
    for (let task = this.#next(); task && !signal.aborted; task = this.#next()) {
      try {
        await run(task);
      } catch (error) {
        onFailure(error as Error);
        if (task.gap) this.gap(task.folder, task.gap.reason, task.gap.sinceMs);
        else this.#folders.add(task.folder);
        await delay(retryDelayMs, undefined, { signal }).catch(() => {});
      }
    }
    // In the same event loop turn in which nothing more was found: the next one starts another run.
    this.#running = undefined;
  }

  #next(): ScanTask | undefined {
    for (const [folder, gap] of this.#gaps) {
      this.#gaps.delete(folder);
      return { folder, gap };
    }
    for (const folder of this.#folders) {
      this.#folders.delete(folder);
      return { folder, gap: undefined };
    }
    return undefined;
  }
}
