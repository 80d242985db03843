import { type FileHandle, mkdir, open, readdir, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "./atomic-file.ts";
import type { Log } from "./log.ts";
import { decodeRecords, encodeRecord, payloadBytesMax, type SpoolRecord } from "./spool-record.ts";

export interface SpoolOptions {
  readonly directory: string;
  /**
   * Bytes of waiting messages beyond which nothing more is accepted. The files on disk are at most about two and a half times as
   * large.
   */
  readonly bytesMax: number;
  readonly log: Log;
}

export interface SpoolEntry {
  readonly sequence: number;
  readonly payload: Buffer;
  readonly appendedAtMs: number;
}

/** The spool is full: back-pressure for the caller. Nothing in it was dropped for the new message. */
export class SpoolFullError extends Error {
  override readonly name = "SpoolFullError";
}

interface Segment {
  readonly path: string;
  bytes: number;
  /** Messages first written here that still wait. */
  readonly pending: Set<number>;
}

interface Append {
  readonly entry: SpoolEntry;
  resolve(sequence: number): void;
  reject(error: Error): void;
}

const segmentName = /^(\d{12})\.spool$/;

/**
 * Keeps messages on disk until they are marked as done: in order, at least once. It is an append-only journal in numbered files.
 * Every record has a length and a CRC, so a torn end (killed at any byte, power loss) is recognized and cut off; only messages
 * that `append` had not confirmed can be in it. The oldest file is removed once nothing in it waits.
 */
export class Spool {
  readonly #directory: string;
  readonly #bytesMax: number;
  readonly #segmentBytesMax: number;
  readonly #log: Log;
  /** Oldest first; the last is written to while `#handle` is open. */
  readonly #segments: Segment[] = [];
  #handle: FileHandle | undefined;
  /** In order of sequence. */
  readonly #pending = new Map<number, SpoolEntry>();
  #liveBytes = 0;
  #nextSequence = 1;
  #nextSegment = 1;
  #appends: Append[] = [];
  #done: number[] = [];
  #writing: Promise<void> | undefined;

  constructor(options: SpoolOptions) {
    this.#directory = options.directory;
    this.#bytesMax = options.bytesMax;
    this.#segmentBytesMax = Math.ceil(options.bytesMax / 8);
    this.#log = options.log;
  }

  /** Messages that wait. */
  get count(): number {
    return this.#pending.size;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#liveBytes;
  }

  get bytesOnDisk(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** When the oldest waiting message was appended. */
  get oldestMs(): number | undefined {
    return this.#pending.values().next().value?.appendedAtMs;
  }

  /** Everything on disk that is not done, oldest first. Includes what is appended during the iteration. */
  entries(): IterableIterator<SpoolEntry> {
    return this.#pending.values();
  }

  /** One of them; undefined if it is done or was never accepted. */
  entry(sequence: number): SpoolEntry | undefined {
    return this.#pending.get(sequence);
  }

  /**
   * Resolves to the message's sequence once it is on disk; one fdatasync serves all that arrived meanwhile. Rejects with
   * `SpoolFullError` or the disk's error; then the message is not in the spool.
   */
  append(payload: Buffer): Promise<number> {
    if (payload.length > payloadBytesMax)
      return Promise.reject(new RangeError(`a message has at most ${payloadBytesMax} bytes`));
    const bytes = this.#liveBytes + payload.length;
    if (bytes > this.#bytesMax) {
      return Promise.reject(
        new SpoolFullError(`spool ${this.#directory} is full: at most ${this.#bytesMax} bytes may wait there`),
      );
    }
    this.#liveBytes = bytes;
    const entry = { sequence: this.#nextSequence++, payload, appendedAtMs: Date.now() };
    return new Promise((resolve, reject) => {
      this.#appends.push({ entry, resolve, reject });
      this.#wake();
    });
  }

  /** The message is done. If a crash loses this note, the message is sent once more. */
  done(sequence: number): void {
    const entry = this.#pending.get(sequence);
    if (!entry) return;
    this.#pending.delete(sequence);
    this.#liveBytes -= entry.payload.length;
    this.#done.push(sequence);
    this.#wake();
  }

  /** Writes what is queued, closes. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** For `openSpool`: reads what an earlier process left. */
  async load(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const found = new Map<number, SpoolEntry>();
    for (const name of (await readdir(this.#directory)).sort()) {
      const number = segmentName.exec(name)?.[1];
      if (number === undefined) continue;
      this.#nextSegment = Number(number) + 1;
      for (const record of await this.#loadSegment(join(this.#directory, name))) {
        this.#nextSequence = Math.max(this.#nextSequence, record.sequence + 1);
        if (record.type === "put") found.set(record.sequence, record);
        else found.delete(record.sequence);
      }
    }
    // By sequence: a message that was moved to a newer file keeps its place in the order.
    for (const entry of [...found.values()].sort((a, b) => a.sequence - b.sequence)) {
      this.#pending.set(entry.sequence, entry);
      this.#liveBytes += entry.payload.length;
    }
    for (const segment of this.#segments) {
      for (const sequence of segment.pending) if (!found.has(sequence)) segment.pending.delete(sequence);
    }
    if (found.size > 0)
      this.#log.info({ messages: found.size, directory: this.#directory }, "spool has messages from an earlier run");
    await this.#removeFinished();
  }

  async #loadSegment(path: string): Promise<SpoolRecord[]> {
    const data = await readFile(path);
    const { records, validBytes, damagedBytes } = decodeRecords(data);
    if (damagedBytes > 0) {
      // The damaged bytes stay in the file for later inspection; nothing more is written to this file anyway.
      this.#log.error({ path, damagedBytes }, "spool file is damaged: its damaged records are lost, the rest is kept");
    }
    if (validBytes < data.length) {
      const cutBytes = data.length - validBytes;
      this.#log.warn(
        { path, cutBytes },
        "spool file ended in a torn record, as after a kill or a power loss: truncated",
      );
      await truncate(path, validBytes);
    }
    const puts = records.filter((record) => record.type === "put").map((record) => record.sequence);
    this.#segments.push({ path, bytes: validBytes, pending: new Set(puts) });
    return records;
  }

  #wake(): void {
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    while (this.#appends.length > 0 || this.#done.length > 0) {
      if (!(await this.#writeBatch())) break;
    }
    // In the same event loop turn in which the queues were found empty: the next append starts another writer.
    this.#writing = undefined;
  }

  /** Writes what is queued; false if the disk refuses. */
  async #writeBatch(): Promise<boolean> {
    const appends = this.#appends;
    const done = this.#done;
    this.#appends = [];
    this.#done = [];
    try {
      const puts = appends.map(({ entry }) => ({ type: "put", ...entry }) as const);
      const notes = done.map((sequence) => ({ type: "done", sequence }) as const);
      // Notes alone need no fdatasync: losing one repeats a message and loses none.
      await this.#writeRecords([...puts, ...notes], appends.length > 0);
      for (const { entry } of appends) this.#pending.set(entry.sequence, entry);
      for (const segment of this.#segments) for (const sequence of done) segment.pending.delete(sequence);
    } catch (error) {
      for (const { entry, reject } of appends) {
        this.#liveBytes -= entry.payload.length;
        reject(error as Error);
      }
      this.#log.error({ err: error, directory: this.#directory }, "spool can't be written");
      // Written with the next batch. None of them is a message, so all confirmed messages are still on disk.
      this.#done.push(...done);
      return false;
    }
    for (const { entry, resolve } of appends) resolve(entry.sequence);
    await this.#removeFinished().catch((error: Error) => {
      // Everything is on disk, only more of it than necessary; the next batch tries again.
      this.#log.error({ err: error, directory: this.#directory }, "old spool files can't be removed");
    });
    return true;
  }

  async #writeRecords(records: readonly SpoolRecord[], sync: boolean): Promise<void> {
    try {
      const segment = await this.#currentSegment();
      const data = Buffer.concat(records.map(encodeRecord));
      await this.#handle?.writeFile(data);
      if (sync) await this.#handle?.datasync();
      segment.bytes += data.length;
      for (const record of records) if (record.type === "put") segment.pending.add(record.sequence);
    } catch (error) {
      // How much of it reached the file is unknown, so nothing may follow it there.
      await this.#handle?.close().catch(() => {});
      this.#handle = undefined;
      throw error;
    }
  }

  async #currentSegment(): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (this.#handle && last && last.bytes < this.#segmentBytesMax) return last;
    await this.#handle?.close();
    this.#handle = undefined;
    const path = join(this.#directory, `${String(this.#nextSegment++).padStart(12, "0")}.spool`);
    this.#handle = await open(path, "ax", 0o600);
    const segment = { path, bytes: 0, pending: new Set<number>() };
    this.#segments.push(segment);
    await syncFolder(this.#directory);
    return segment;
  }

  /**
   * Removes old files in which nothing waits. If one message that can't be sent would keep many files alive, the oldest file's
   * messages are written again at the end, under their old sequence.
   */
  async #removeFinished(): Promise<void> {
    for (let oldest = this.#segments[0]; oldest && this.#segments.length > 1; oldest = this.#segments[0]) {
      if (oldest.pending.size > 0) {
        if (this.bytesOnDisk <= 2 * this.#liveBytes + 4 * this.#segmentBytesMax) return;
        const entries = [...oldest.pending].flatMap((sequence) => this.#pending.get(sequence) ?? []);
        await this.#writeRecords(
          entries.map((entry) => ({ type: "put", ...entry })),
          true,
        );
      }
      this.#segments.shift();
      await rm(oldest.path, { force: true });
    }
  }
}

/** Opens the spool in a directory, with whatever an earlier process left in it. One process at a time. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const spool = new Spool(options);
  await spool.load();
  return spool;
}
