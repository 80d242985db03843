import { setImmediate as nextTurn } from "node:timers/promises";
import { backoffMs } from "../lib/backoff.ts";
import type { Log } from "../lib/log.ts";
import type { JournalBuffer } from "./journal-buffer.ts";
import { writeParts } from "./journal-file.ts";
import type { JournalLimits } from "./journal-options.ts";

export interface WriterOptions {
  readonly directory: string;
  readonly log: Log;
  readonly limits: Pick<JournalLimits, "commitIntervalMs" | "retryMinMs" | "retryMaxMs" | "writeMaxMs">;
  /**
   * Runs after each write, successful or not, and removes files that are no longer needed: that may be the space the disk lacks.
   */
  readonly tidy: () => Promise<void>;
}

type Deferred = PromiseWithResolvers<void>;

/**
 * Writes the journal's buffer to disk. One write and fdatasync at a time covers all records that arrived meanwhile. Failed writes
 * are repeated with growing pauses.
 */
export class JournalWriter {
  readonly #buffer: JournalBuffer;
  readonly #options: WriterOptions;
  #running: Promise<void> | undefined;
  #startedMs = Number.NEGATIVE_INFINITY;
  #isWriting = false;
  /** Records arrived that the current write does not include. */
  #isStale = false;
  /** Wait for the end of the current write, including its retries. */
  readonly #waiting: Deferred[] = [];
  /** Waits for the end of the write after it. */
  #next: Deferred | undefined;
  #fault: string | undefined;
  /** Called when a fault begins. */
  readonly #untilFault = new Set<() => void>();
  #stopping = false;
  #wake: (() => void) | undefined;

  constructor(buffer: JournalBuffer, options: WriterOptions) {
    this.#buffer = buffer;
    this.#options = options;
  }

  /** Why nothing reaches the disk; undefined while writes succeed. */
  get fault(): string | undefined {
    if (this.#fault !== undefined || !this.#isWriting) return this.#fault;
    // A hanging disk reports no error.
    const ms = performance.now() - this.#startedMs;
    const { directory, limits } = this.#options;
    return ms < limits.writeMaxMs
      ? undefined
      : `journal ${directory}: the disk has not answered for ${Math.round(ms / 1000)} s; ${this.#held}`;
  }

  get #held(): string {
    return `${Math.ceil(this.#buffer.pendingBytes / 1024)} KiB wait in memory`;
  }

  /** Records were put into the buffer. */
  appended(): void {
    this.#isStale = true;
    this.#running ??= this.#run();
  }

  /** Resolves once everything now in the buffer is on disk. */
  synced(): Promise<void> {
    if (this.#buffer.pendingBytes === 0) return Promise.resolve();
    if (this.#isStale) {
      this.#next ??= Promise.withResolvers();
      return this.#next.promise;
    }
    const last = this.#waiting.at(-1) ?? Promise.withResolvers();
    if (this.#waiting.length === 0) this.#waiting.push(last);
    return last.promise;
  }

  /** Like `synced`, but also resolves if there is a `fault`, or as soon as one begins. */
  async syncedOrFault(): Promise<void> {
    if (this.fault !== undefined) return;
    const done = Promise.withResolvers<void>();
    this.#untilFault.add(done.resolve);
    void this.synced().then(done.resolve);
    await done.promise;
    this.#untilFault.delete(done.resolve);
  }

  /** Writes the rest without pauses; gives up at a fault. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Records that arrive in the same event loop turn are written together.
    await nextTurn();
    for (let failures = 0; this.#buffer.pendingBytes > 0; ) {
      const { commitIntervalMs, retryMinMs, retryMaxMs } = this.#options.limits;
      const retryMs = failures === 0 ? 0 : backoffMs({ minMs: retryMinMs, maxMs: retryMaxMs }, failures);
      await this.#pause(Math.max(retryMs, this.#startedMs + commitIntervalMs - performance.now()));
      this.#startedMs = performance.now();
      this.#isWriting = true;
      const late = setTimeout(() => this.#faultBegan(), this.#options.limits.writeMaxMs + 1);
      const error = await this.#commit();
      clearTimeout(late);
      this.#isWriting = false;
      this.#report(error);
      // Those notified see `fault` as it is then.
      if (!error) for (const { resolve } of this.#waiting.splice(0)) resolve();
      await this.#options.tidy();
      failures = error ? failures + 1 : 0;
      if (error && this.#stopping) break;
    }
    // In the same event loop turn in which nothing was waiting: the next append starts this again.
    this.#running = undefined;
  }

  /** One attempt; returns its error. */
  async #commit(): Promise<NodeJS.ErrnoException | undefined> {
    const parts = this.#buffer.parts();
    this.#isStale = false;
    if (this.#next) this.#waiting.push(this.#next);
    this.#next = undefined;
    const segments = [...new Set(parts.map((part) => part.segment))];
    try {
      for (const segment of segments) {
        const own = parts.filter((part) => part.segment === segment);
        await writeParts(segment, own);
        // File by file: if the disk has little room, what fits need not be written again.
        this.#buffer.flushed(own);
      }
    } catch (error) {
      return error as NodeJS.ErrnoException;
    }
    return undefined;
  }

  #report(error: NodeJS.ErrnoException | undefined): void {
    const { directory, log } = this.#options;
    if (!error) {
      if (this.#fault) log.info({ directory }, "the journal is written again; nothing is missing in it");
      this.#fault = undefined;
      return;
    }
    if (!this.#fault)
      log.error({ err: error, directory }, "the journal can't be written: keeping records in memory and retrying");
    this.#fault = `journal ${directory} can't be written: ${error.message}; ${this.#held}`;
    this.#faultBegan();
  }

  #faultBegan(): void {
    for (const resolve of this.#untilFault) resolve();
    this.#untilFault.clear();
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#stopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
