import { type FileHandle, mkdir, open, readdir, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "./atomic-file.ts";
import type { Log } from "./log.ts";
import { decodeRecords, encodeRecord, payloadBytesMax, type SpoolRecord } from "./spool-record.ts";

export interface SpoolOptions {
  readonly directory: string;
  /** Bytes of waiting messages beyond which nothing more is taken. On disk it is at most about two and a half times that. */
  readonly bytesMax: number;
  readonly log: Log;
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
 * Messages on disk until someone says they are done: in order, at least once. An append-only journal in numbered files. Every
 * record has a length and a CRC, so a torn end (killed at any byte, power lost) is recognised and cut off; only what `append`
 * had not yet answered for can be in it. The oldest file goes when nothing in it waits any more.
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

  /** When the oldest message that waits was appended. */
  get oldestMs(): number | undefined {
    return this.#pending.values().next().value?.appendedAtMs;
  }

  /** Everything on disk that is not done, oldest first. Goes on to what is appended during the iteration. */
  entries(): IterableIterator<SpoolEntry> {
    return this.#pending.values();
  }

  /** One of them; undefined where it is done, or was never taken. */
  entry(sequence: number): SpoolEntry | undefined {
    return this.#pending.get(sequence);
  }

  /**
   * Resolves with the message's sequence when it is on disk; one fdatasync serves all that came meanwhile. Rejects with
   * `SpoolFullError`, or with what the disk said; then the message is not in the spool.
   */
  append(payload: Buffer): Promise<number> {
    if (payload.length > payloadBytesMax)
      return Promise.reject(new RangeError(`a message has at most ${payloadBytesMax} bytes`));
    const bytes = this.#liveBytes + payload.length;
    if (bytes > this.#bytesMax) {
      return Promise.reject(
        new SpoolFullError(`spool ${this.#directory} is full: at most ${this.#bytesMax} bytes wait there`),
      );
    }
    this.#liveBytes = bytes;
    const entry = { sequence: this.#nextSequence++, payload, appendedAtMs: Date.now() };
    return new Promise((resolve, reject) => {
      this.#appends.push({ entry, resolve, reject });
      this.#wake();
    });
  }

  /** The message needs no keeping. A note that a crash loses means that the message comes once more. */
  done(sequence: number): void {
    const entry = this.#pending.get(sequence);
    if (!entry) return;
    this.#pending.delete(sequence);
    this.#liveBytes -= entry.payload.length;
    this.#done.push(sequence);
    this.#wake();
  }

  /** Writes what waits to be written, closes. */
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
      this.#log.info({ messages: found.size, directory: this.#directory }, "spool holds messages of before");
    await this.#removeFinished();
  }

  async #loadSegment(path: string): Promise<SpoolRecord[]> {
    const data = await readFile(path);
    const { records, validBytes, damagedBytes } = decodeRecords(data);
    if (damagedBytes > 0) {
      // Left in the file, for whoever wants to know what it was; nothing more is written to this file anyway.
      this.#log.error({ path, damagedBytes }, "spool file is damaged: what it held there is lost, the rest is kept");
    }
    if (validBytes < data.length) {
      const cutBytes = data.length - validBytes;
      this.#log.warn({ path, cutBytes }, "spool file ended in a torn record, as after a kill or a power loss: cut off");
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
    // In the same turn in which the queues were found empty: whoever adds to them next starts another writer.
    this.#writing = undefined;
  }

  /** Writes what is queued; false where the disk refuses. */
  async #writeBatch(): Promise<boolean> {
    const appends = this.#appends;
    const done = this.#done;
    this.#appends = [];
    this.#done = [];
    try {
      const puts = appends.map(({ entry }) => ({ type: "put", ...entry }) as const);
      const notes = done.map((sequence) => ({ type: "done", sequence }) as const);
      // Notes alone need no fdatasync: losing them repeats messages, it loses none.
      await this.#writeRecords([...puts, ...notes], appends.length > 0);
      for (const { entry } of appends) this.#pending.set(entry.sequence, entry);
      for (const segment of this.#segments) for (const sequence of done) segment.pending.delete(sequence);
    } catch (error) {
      for (const { entry, reject } of appends) {
        this.#liveBytes -= entry.payload.length;
        reject(error as Error);
      }
      this.#log.error({ err: error, directory: this.#directory }, "spool can't be written");
      // Written with the next batch. None of them is a message: what waits in memory stays answered for.
      this.#done.push(...done);
      return false;
    }
    for (const { entry, resolve } of appends) resolve(entry.sequence);
    await this.#removeFinished().catch((error: Error) => {
      // Everything is on disk, only more of it than is needed; the next batch tries again.
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
      // What of it reached the file is unknown: nothing may follow it there.
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
   * Removes old files in which nothing waits. Where one message that can't be sent would keep a long row of files alive, the
   * oldest file's messages are written again at the end, under their old sequence.
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
