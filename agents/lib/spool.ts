import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "./log.ts";
import { openSegment, readSegment, type Segment } from "./spool-segment.ts";

export interface SpoolOptions {
  readonly directory: string;
  /** Bytes on disk beyond which nothing more is taken. */
  readonly bytesMax: number;
  readonly log: Log;
  /** A new file is begun beyond this; the oldest file goes when everything in it is done. */
  readonly segmentBytesMax?: number;
}

export interface SpoolEntry {
  readonly sequence: number;
  readonly payload: Buffer;
  readonly appendedAtMs: number;
}

/** The spool is full: back-pressure for whoever appends. Nothing in it was given up for the new message. */
export class SpoolFullError extends Error {
  override readonly name = "SpoolFullError";
}

const segmentBytesDefault = 8 * 1024 * 1024;
const segmentName = /^(\d{12})\.spool$/;

/**
 * Messages on disk until someone says they are done; in order; at least once. An append-only journal in numbered files: each
 * record is a message or the note that one is done, with length and CRC, so that a torn end (killed at any byte, power lost)
 * is recognised and cut off; only what `append` had not yet answered for can be in it.
 */
export class Spool {
  readonly #options: Required<SpoolOptions>;
  /** Oldest first; the last one is written to. */
  readonly #segments: Segment[] = [];
  /** In order of sequence, for both replay and "oldest". */
  readonly #pending = new Map<number, SpoolEntry>();
  #nextSequence = 1;
  #nextSegment = 1;
  #liveBytes = 0;
  #queue: { payload: Buffer; resolve: (sequence: number) => void; reject: (error: Error) => void }[] = [];
  #done: number[] = [];
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(options: SpoolOptions) {
    this.#options = { segmentBytesMax: Math.min(segmentBytesDefault, Math.ceil(options.bytesMax / 4)), ...options };
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** When the oldest message that waits was appended; undefined when none does. */
  get oldestMs(): number | undefined {
    return this.#pending.values().next().value?.appendedAtMs;
  }

  /** Everything that is not done, oldest first. Safe to go on iterating while others append. */
  entries(): IterableIterator<SpoolEntry> {
    return this.#pending.values();
  }

  /** Resolves with the message's sequence when it is on disk (one fdatasync for all that came meanwhile). */
  append(payload: Buffer): Promise<number> {
    if (this.#failure) return Promise.reject(this.#failure);
    const needed = this.#liveBytes + payload.length;
    if (needed > this.#options.bytesMax) {
      return Promise.reject(new SpoolFullError(`spool ${this.#options.directory} is full: ${needed} bytes, at most ${this.#options.bytesMax}`));
    }
    this.#liveBytes += payload.length;
    return new Promise((resolve, reject) => {
      this.#queue.push({ payload, resolve, reject });
      this.#wake();
    });
  }

  /** The message needs no keeping. Written with the next batch; a note lost to a crash means the message comes once more. */
  done(sequence: number): void {
    const entry = this.#pending.get(sequence);
    if (!entry) return;
    this.#pending.delete(sequence);
    this.#liveBytes -= entry.payload.length;
    this.#done.push(sequence);
    this.#wake();
  }

  /** Writes what waits and closes. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    await this.#segments.at(-1)?.close();
  }

  /** For `openSpool`: reads what an earlier process left. */
  async load(): Promise<void> {
    const { directory, log } = this.#options;
    await mkdir(directory, { recursive: true });
    const names = (await readdir(directory)).filter((name) => segmentName.test(name)).sort();
    for (const name of names) {
      const path = join(directory, name);
      const { entries, done, bytes, torn } = readSegment(await readFile(path));
      for (const entry of entries) this.#pending.set(entry.sequence, entry);
      for (const sequence of done) this.#pending.delete(sequence);
      for (const sequence of [...entries.map((entry) => entry.sequence), ...done]) {
        this.#nextSequence = Math.max(this.#nextSequence, sequence + 1);
      }
      this.#nextSegment = Number(segmentName.exec(name)?.[1]) + 1;
      if (torn > 0) {
        log.warn({ path, tornBytes: torn }, "spool file ends in a torn record, as after a kill or a power loss; kept aside");
        await rename(path, `${path}.torn`).catch(() => {});
      }
      if (torn === 0) this.#segments.push({ path, bytes, sequences: entries.map((entry) => entry.sequence), write: refuse, close: nothing });
    }
    this.#liveBytes = [...this.#pending.values()].reduce((sum, entry) => sum + entry.payload.length, 0);
  }
}
