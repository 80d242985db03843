import { rm } from "node:fs/promises";
import { UserError } from "../lib/errors.ts";
import type { FolderLock } from "../lib/folder-lock.ts";
import { JournalBuffer } from "./journal-buffer.ts";
import { closeSegment, type KeptTwin, readTwinFile, shiftSegments } from "./journal-file.ts";
import { type OpenFolder, openFolder } from "./journal-open.ts";
import { type JournalLimits, type JournalOptions, journalLimits } from "./journal-options.ts";
import {
  arrivalBytes,
  makeHeader,
  type NoteType,
  noteBytes,
  readTwin,
  recordBytesMax,
  recordType,
  routingKeyBytesMax,
  sourceRecordBytes,
  twinBytes,
  writeArrival,
  writeNote,
  writeSource,
  writeTwin,
} from "./journal-record.ts";
import { otherNumber, readRef, refOf, restOf, type Segment, segmentPath } from "./journal-segment.ts";
import { JournalWriter } from "./journal-writer.ts";
import { readKey } from "./product-key.ts";

/** A longer source name is not kept. */
const sourceNameMax = 255;
const never = new Promise<void>(() => {});

/**
 * The dispatcher's memory on disk: what was published, what was learned about it later, and the twins' announcements, which are
 * stored nowhere else. Records are appended to numbered files. A file is removed once the window of all its records has passed.
 *
 * Appending writes to memory only: it takes about a microsecond and never waits. One write and fdatasync at a time covers all
 * records that arrived meanwhile; `synced` resolves after it. While the disk fails (full, broken), records wait in memory and are
 * written again, to the same place of the same file, over whatever the failed write left; `fault` reports this. Beyond
 * `pendingBytesMax` the journal overflows: it accepts nothing more, and `synced` never resolves again, so that the ledger is not
 * acked for records missing here. Once the disk works again, a restarted process reads them from the ledger.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #limits: JournalLimits;
  readonly #lock: FolderLock;
  readonly #buffer = new JournalBuffer();
  readonly #writer: JournalWriter;
  /** Oldest first. */
  readonly #segments: Segment[];
  /** The one that is appended to. */
  #segment: Segment | undefined;
  #nextNumber: number;
  /** Number of this process's first file. */
  readonly #firstNumber: number;
  /** Numbers of the sources named in the current file. */
  readonly #sources = new Map<string, number>();
  #overflowed = false;
  #closed = false;

  private constructor(options: JournalOptions, { lock, segments, nextNumber }: OpenFolder) {
    const { directory, log } = options;
    this.#options = options;
    this.#limits = { ...journalLimits, ...options.limits };
    this.#lock = lock;
    this.#segments = segments;
    this.#nextNumber = nextNumber;
    this.#firstNumber = nextNumber;
    const tidy = (): Promise<void> => this.#removeOld();
    this.#writer = new JournalWriter(this.#buffer, { directory, log, limits: this.#limits, tidy });
  }

  /**
   * Locks the folder (creating it if its parent exists), replays what it holds and is then ready for records. Torn ends, garbage
   * and foreign files are skipped. Throws a UserError if the folder can't be used, another process has locked it, or a file in it
   * is of another version.
   */
  static async open(options: JournalOptions): Promise<Journal> {
    return new Journal(options, await openFolder(options));
  }

  /** Why nothing currently reaches the disk, for the operator; undefined while writes succeed. */
  get fault(): string | undefined {
    if (!this.#overflowed) return this.#writer.fault;
    const lost = `journal ${this.#options.directory} has no memory left: newer records are only in the ledger queue`;
    return this.#writer.fault ? `${lost}; ${this.#writer.fault}` : lost;
  }

  /**
   * Records were refused and the disk works again, so this process has to exit. A restarted one reads the missing records from
   * the ledger.
   */
  get restartReason(): UserError | undefined {
    if (!this.#overflowed || this.#buffer.pendingBytes > 0) return undefined;
    const remedy = "nothing is lost: after the restart it reads the missing records from its ledger queue";
    return new UserError("journal", "its disk was full for too long", remedy);
  }

  /** Bytes that are not on disk yet. */
  get pendingBytes(): number {
    return this.#buffer.pendingBytes;
  }

  /** Of all files, including expired ones that are kept for a while. */
  get bytesOnDisk(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0) - this.#buffer.pendingBytes;
  }

  /**
   * A product is published. Throws a RangeError if the key is not valid, like every method with a key; nothing is appended then.
   */
  arrival(key: string, atMs: number, source: string, sizeBytes: number, certain: boolean): void {
    readKey(key);
    const segment = this.#segmentFor(arrivalBytes + sourceRecordBytes(source));
    if (!segment) return;
    const number = this.#numberOf(source, segment);
    const at = this.#buffer.reserve(segment, arrivalBytes);
    writeArrival(this.#buffer.memory, at, { atMs, sizeBytes, source: number, certain });
    this.#writer.appended();
  }

  /** The publish of a known product is proven. */
  certain(key: string): void {
    this.#note(recordType.certain, key);
  }

  /** A puller has a known product: its twin is no longer needed. */
  served(key: string): void {
    this.#note(recordType.served, key);
  }

  /**
   * Keeps a twin's announcement: `readTwin` returns it at once, and for a window. Returns its reference, above 0 and below 2^48;
   * 0 if it is not kept, because too much waits for the disk or because the announcement is far too large.
   */
  twin(key: string, routingKey: string, body: Buffer): number {
    readKey(key);
    const bytes = twinBytes(routingKey, body);
    if (bytes > recordBytesMax || Buffer.byteLength(routingKey) > routingKeyBytesMax) return 0;
    if (this.#buffer.pendingBytes + bytes > this.#limits.pendingTwinBytesMax) return 0;
    const segment = this.#segmentFor(bytes);
    if (!segment) return 0;
    const ref = refOf(segment.number, segment.bytes);
    const at = this.#buffer.reserve(segment, bytes);
    writeTwin(this.#buffer.memory, at, { writtenAtMs: segment.newestMs, routingKey, body });
    this.#writer.appended();
    return ref;
  }

  /** The twin under a reference; undefined if it is no longer kept or can't be read. */
  async readTwin(ref: number): Promise<KeptTwin | undefined> {
    const { numberRest, offset } = readRef(ref);
    const segment = this.#segments.find(({ number }) => restOf(number) === numberRest);
    if (!segment) return undefined;
    const waiting = this.#buffer.peek(segment, offset);
    if (waiting) return readTwin(waiting, 0);
    try {
      return await readTwinFile(segment.path, offset);
    } catch (error) {
      this.#options.log.error({ err: error, path: segment.path }, "a kept twin can't be read");
      return undefined;
    }
  }

  /** Resolves once everything appended so far is on disk; pending for as long as that takes. Many calls share one promise. */
  synced(): Promise<void> {
    return this.#overflowed ? never : this.#writer.synced();
  }

  /** Like `synced`, but also resolves if the disk has a fault or a record was refused, at once or as soon as that happens. */
  syncedOrFault(): Promise<void> {
    return this.#overflowed ? Promise.resolve() : this.#writer.syncedOrFault();
  }

  /**
   * Writes what is waiting (once, if the disk has a fault) and unlocks the folder. Nothing is accepted any more. `shiftMs`: how
   * far `nowMs` was behind the correct time; the next process reads the times that this one wrote as that much later. A killed
   * process can't do this: if its clock was behind, its records expire that much too early.
   */
  async close(shiftMs = 0): Promise<void> {
    this.#closed = true;
    await this.#writer.stop();
    for (const segment of this.#segments) await closeSegment(segment);
    const own = this.#segments.filter(({ number }) => number >= this.#firstNumber);
    await shiftSegments(own, Math.round(shiftMs), this.#options.log);
    await this.#lock.release();
  }

  #note(type: NoteType, key: string): void {
    readKey(key);
    const segment = this.#segmentFor(noteBytes);
    if (!segment) return;
    const at = this.#buffer.reserve(segment, noteBytes);
    writeNote(this.#buffer.memory, at, type);
    this.#writer.appended();
  }

  /** The file for this many bytes; undefined if nothing is accepted any more. */
  #segmentFor(bytes: number): Segment | undefined {
    if (this.#overflowed || this.#closed) return undefined;
    if (this.#buffer.pendingBytes + bytes > this.#limits.pendingBytesMax) {
      this.#overflowed = true;
      this.#options.log.error({ directory: this.#options.directory }, "the journal has no memory left: see fault");
      return undefined;
    }
    const nowMs = this.#options.nowMs();
    const { segmentBytesMax, segmentsPerWindow } = this.#limits;
    const last = this.#segment;
    const fits = last && last.bytes + bytes <= segmentBytesMax;
    const isOld = last && nowMs - last.madeAtMs >= this.#options.windowMs / segmentsPerWindow;
    const segment = fits && !isOld ? last : this.#addSegment(nowMs);
    // Nothing written now counts from a later time: callers pass no time from the future.
    segment.newestMs = Math.max(segment.newestMs, nowMs);
    return segment;
  }

  #addSegment(nowMs: number): Segment {
    const { directory } = this.#options;
    const number = this.#nextNumber++;
    const path = segmentPath(directory, number);
    const segment = { number, directory, path, madeAtMs: nowMs, bytes: 0, newestMs: nowMs, handle: undefined };
    this.#segments.push(segment);
    this.#segment = segment;
    this.#sources.clear();
    const header = makeHeader();
    const at = this.#buffer.reserve(segment, header.length);
    header.copy(this.#buffer.memory, at);
    return segment;
  }

  #numberOf(source: string, segment: Segment): number {
    const known = this.#sources.get(source);
    if (known !== undefined) return known;
    const number = this.#sources.size;
    if (number === otherNumber || source.length > sourceNameMax) return otherNumber;
    this.#sources.set(source, number);
    const at = this.#buffer.reserve(segment, sourceRecordBytes(source));
    writeSource(this.#buffer.memory, at, number, source);
    return number;
  }

  /** Closes files that are fully written, and removes those whose window has passed. */
  async #removeOld(): Promise<void> {
    const nowMs = this.#options.nowMs();
    for (const segment of this.#segments.filter((each) => each !== this.#segment && each.handle)) {
      if (!this.#buffer.holds(segment)) await closeSegment(segment);
    }
    for (let oldest = this.#segments[0]; oldest && oldest !== this.#segment; oldest = this.#segments[0]) {
      if (nowMs < oldest.newestMs + this.#options.windowMs || this.#buffer.holds(oldest)) return;
      try {
        await rm(oldest.path, { force: true });
      } catch (error) {
        // It only takes up space; the next process to open the folder tries again.
        this.#options.log.error({ err: error, path: oldest.path }, "an old journal file can't be removed");
      }
      this.#segments.shift();
    }
  }
}
