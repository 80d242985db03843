import { readFileSync } from "node:fs";
import { writeAtomicSync } from "../lib/atomic-file.ts";
import type { Log } from "../lib/log.ts";

export interface LedgerGapOptions {
  /** Holds the time since which every message of the ledger was read, in ms since 1970. */
  readonly file: string;
  readonly windowMs: number;
  readonly log: Log;
  readonly nowMs: () => number;
  /** Products that were dispatched before `atMs` may be unknown. */
  onGap(atMs: number): void;
}

/**
 * Finds out whether a ledger was deleted or purged while nobody read it. Its reader leaves the last message unacked, so a
 * subscription to a complete ledger begins with a redelivery. If our own marker comes back first, messages are missing. It is the
 * same if the last message expired, because nobody read the ledger for most of a window.
 *
 * Without its file this is a first start, and there is nothing to miss.
 */
export class LedgerGap {
  readonly #options: LedgerGapOptions;
  #readSinceMs: number | undefined;
  #isJudged = false;

  constructor(options: LedgerGapOptions) {
    this.#options = options;
    this.#readSinceMs = readTime(options.file);
    if (this.#readSinceMs !== undefined) options.onGap(this.#readSinceMs);
  }

  onSubscribed(): void {
    // Nothing was kept in a ledger that was never read: other dispatchers' records may come before our marker.
    this.#isJudged = this.#readSinceMs === undefined;
  }

  onRedelivery(): void {
    this.#isJudged = true;
  }

  /** Our own marker came back: everything that was in the ledger before it is read. */
  onOwnMarker(): void {
    if (this.#isJudged) return;
    this.#isJudged = true;
    const { log, windowMs, nowMs, onGap } = this.#options;
    const atMs = nowMs();
    const until = new Date(atMs + windowMs).toISOString();
    log.warn(
      { until },
      "messages of the ledger are missing (deleted or purged, or not read for long): until then, products that are not known here are dispatched as unconfirmed, so that pullers check before they place them",
    );
    this.#setReadSince(atMs);
    onGap(atMs);
  }

  /** A message stays unacked. */
  onKept(): void {
    if (this.#readSinceMs === undefined) this.#setReadSince(0);
  }

  #setReadSince(atMs: number): void {
    const { file, log } = this.#options;
    this.#readSinceMs = atMs;
    try {
      // Before anything is dispatched: the next process, after a kill, must know of the gap.
      writeAtomicSync(file, `${Math.ceil(atMs)}\n`);
    } catch (error) {
      log.error({ err: error, file }, "can't write since when the ledger was read");
    }
  }
}

function readTime(file: string): number | undefined {
  try {
    const text = readFileSync(file, "utf8").trim();
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  } catch {
    // Usually it is missing. If it can't be read, the journal beside it can't either, and that ends the process.
    return undefined;
  }
}
