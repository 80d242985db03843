import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../lib/errors.ts";
import { frameType, readFrames } from "../lib/frames.ts";
import { openFlags } from "../lib/open-file.ts";
import {
  couldBe,
  headerBytes,
  isCertain,
  journalVersion,
  keyOf,
  readSource,
  readVersion,
  recordType,
  sizeBytesOf,
  sourceNumberOf,
  timeOf,
} from "./journal-record.ts";
import type { Replay } from "./journal-replay.ts";

/** One file of the journal. */
export interface Segment {
  readonly number: number;
  readonly directory: string;
  readonly path: string;
  readonly madeAtMs: number;
  /** Its length, including what is not written yet. */
  bytes: number;
  /** It can be removed once this time's window has passed. */
  newestMs: number;
  /** Open while it is being written. */
  handle: FileHandle | undefined;
}

/** A source's number is one byte; this one stands for all sources without a number. */
export const otherNumber = 255;
export const otherSource = "other";

/** With a shift in milliseconds if the writing process's clock was found to be wrong. */
const namePattern = /^(\d{12})([+-]\d{1,15})?\.journal$/;
/** A reference is a file's number, modulo this, and an offset in the file: 48 bits, as in the table. */
const refNumbers = 2 ** 22;
const refBytes = 2 ** 26;

export function refOf(segmentNumber: number, offset: number): number {
  return (segmentNumber % refNumbers) * refBytes + offset;
}

export function readRef(ref: number): { numberRest: number; offset: number } {
  return { numberRest: Math.floor(ref / refBytes), offset: ref % refBytes };
}

/** No two files that exist at the same time have the same. */
export function restOf(segmentNumber: number): number {
  return segmentNumber % refNumbers;
}

/** `shiftMs`: to be added to all times in the file, whole milliseconds. */
export function segmentPath(directory: string, number: number, shiftMs = 0): string {
  const shift = shiftMs === 0 ? "" : `${shiftMs < 0 ? "" : "+"}${shiftMs}`;
  return join(directory, `${String(number).padStart(12, "0")}${shift}.journal`);
}

/** A journal file, from its name. */
export interface ListedSegment {
  readonly number: number;
  readonly shiftMs: number;
}

/** The journal's files in a folder, oldest first, and the highest number in use, even if by a foreign file. */
export async function listSegments(directory: string): Promise<{ listed: ListedSegment[]; highest: number }> {
  const listed: ListedSegment[] = [];
  let highest = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const [, digits, shift] = namePattern.exec(entry.name) ?? [];
    const number = Number(digits ?? 0);
    highest = Math.max(highest, number);
    if (number > 0 && entry.isFile()) listed.push({ number, shiftMs: Number(shift ?? 0) });
  }
  return { listed: listed.sort((a, b) => a.number - b.number), highest };
}

/** What was read from a journal file. */
export interface ReadSegment {
  /** It has neither a record nor a journal's header. */
  readonly isForeign: boolean;
  readonly records: number;
  /** The latest time that one of its records counts from; -Infinity if none has one. */
  readonly newestMs: number;
  /** Where the last complete record ends. */
  readonly validBytes: number;
  /** Damaged bytes before that. */
  readonly damagedBytes: number;
  /** Bytes after that. */
  readonly tornBytes: number;
}

export interface ReadOptions {
  readonly nowMs: number;
  readonly windowMs: number;
  readonly replay: Replay;
  /** Added to all times in the file. */
  readonly shiftMs?: number;
}

/**
 * Replays all complete records of a file. After a damaged record the next one is searched byte by byte, so that intact records
 * are not lost with it. Expired arrivals are skipped; one from the future (the clock was set back) counts from now. Throws a
 * UserError if the file is of another version.
 */
export async function readSegment(path: string, number: number, options: ReadOptions): Promise<ReadSegment> {
  const { data, from } = await readSegmentFile(path);
  const replayer = new SegmentReplayer(data, number, options);
  const found = readFrames(data, from, couldBe, (at, end) => replayer.replay(at, end));
  const { frames: records, validBytes, damagedBytes } = found;
  const isForeign = records === 0 && from === 0 && data.length >= headerBytes;
  return {
    isForeign,
    records,
    newestMs: replayer.newestMs,
    validBytes,
    damagedBytes,
    tornBytes: data.length - validBytes,
  };
}

class SegmentReplayer {
  readonly #data: Buffer;
  readonly #number: number;
  readonly #nowMs: number;
  readonly #windowMs: number;
  readonly #shiftMs: number;
  readonly #replay: Replay;
  /** By number within this file. */
  readonly #sources: string[] = [];
  newestMs = Number.NEGATIVE_INFINITY;

  constructor(data: Buffer, number: number, options: ReadOptions) {
    this.#data = data;
    this.#number = number;
    this.#nowMs = options.nowMs;
    this.#windowMs = options.windowMs;
    this.#shiftMs = options.shiftMs ?? 0;
    this.#replay = options.replay;
  }

  replay(at: number, end: number): void {
    const data = this.#data;
    switch (frameType(data, at)) {
      case recordType.arrival: {
        const atMs = this.#time(at);
        if (atMs + this.#windowMs <= this.#nowMs) break;
        const source = this.#sources[sourceNumberOf(data, at)] ?? otherSource;
        this.#replay.arrival(keyOf(data, at), atMs, source, sizeBytesOf(data, at), isCertain(data, at));
        break;
      }
      case recordType.twin:
        this.#time(at);
        this.#replay.twin(keyOf(data, at), refOf(this.#number, at));
        break;
      case recordType.certain:
        this.#replay.certain(keyOf(data, at));
        break;
      case recordType.served:
        this.#replay.served(keyOf(data, at));
        break;
      case recordType.source: {
        const { number, name } = readSource(data, at, end);
        this.#sources[number] = name;
        break;
      }
    }
  }

  #time(at: number): number {
    const atMs = Math.min(timeOf(this.#data, at) + this.#shiftMs, this.#nowMs);
    this.newestMs = Math.max(this.newestMs, atMs);
    return atMs;
  }
}

/** The bytes of a journal file. */
export interface SegmentFile {
  readonly data: Buffer;
  /** Where its records begin; 0 if it has no header. */
  readonly from: number;
}

/** @throws as `readSegment` */
export async function readSegmentFile(path: string): Promise<SegmentFile> {
  const data = await readComplete(path);
  const version = readVersion(data);
  if (version === undefined || version === journalVersion)
    return { data, from: version === undefined ? 0 : headerBytes };
  throw new UserError(
    path,
    `is a journal of version ${version}, but this warren reads version ${journalVersion}`,
    "run the warren that wrote it, or move the folder's files away: then this host remembers only what its ledger queue holds",
  );
}

async function readComplete(path: string): Promise<Buffer> {
  const handle = await open(path, openFlags);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
