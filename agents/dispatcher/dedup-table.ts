import { type Chunk, chunkBits, entryWords, makeChunk, nextWord } from "./dedup-chunk.ts";
import { DedupIndex, hashOf } from "./dedup-index.ts";
import { keyWords, readKey } from "./product-key.ts";

/** Offset of an entry's fields, in 32-bit words from its start. The time is a 64-bit number in words 8 and 9. */
const word = { size: 5, refLow: 6, meta: 7 } as const;
/** In `meta`: the source's number in the lowest byte, then flags. The upper half is the reference's highest 16 bits. */
const flag = { certain: 1 << 8, served: 1 << 9, servedForCertain: 1 << 10, pulled: 1 << 11 } as const;

/** Names that are told apart; all further sources share one. */
const sourcesMax = 255;
const otherSource = "other";
const sizeBytesMax = 2 ** 32 - 1;
/** References have 48 bits here. */
const twinRefMax = 2 ** 48 - 1;
/** Most entries expired in one call: about a millisecond. */
const expireMax = 4_000;

export interface DedupTableOptions {
  /** How long a product is known, counted from its first arrival. */
  readonly windowMs: number;
  /** Limit beyond which `add` refuses. */
  readonly entriesMax: number;
}

/**
 * The products published within the window, which counts from each product's `atMs` and is never extended. There is no object per
 * entry: each takes 40 bytes in a chunk (first in, first out) and 4 bytes in a hash index. The index grows by one bucket per
 * entry, so that no call takes long. A slot is a number that stands for an entry until the next `add`, `restore` or `expire`.
 *
 * `find` goes by the time. In memory, an entry lasts until the entries added before it have expired: one that was learned late
 * stays a little longer than it counts, and none expires early. No caller may pass an `atMs` later than its own clock, because an
 * entry from the future would block those behind it.
 */
export class DedupTable {
  readonly windowMs: number;
  readonly #entriesMax: number;
  /** By number, the upper part of a slot. */
  readonly #chunks: (Chunk | undefined)[] = [];
  /** Oldest first. */
  readonly #queue: Chunk[] = [];
  #freeNumbers: number[] = [];
  /** One emptied chunk, the next to be filled. Further ones are freed. */
  #spare: Chunk | undefined;
  readonly #index = new DedupIndex();
  readonly #sources: string[] = [];
  readonly #sourceNumbers = new Map<string, number>();
  #size = 0;

  constructor(options: DedupTableOptions) {
    this.windowMs = options.windowMs;
    this.#entriesMax = options.entriesMax;
  }

  /** Entries in memory. */
  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= this.#entriesMax;
  }

  /** The slot of a product within its window, else -1. Throws a RangeError if the key is not valid. */
  find(key: string, nowMs: number): number {
    readKey(key);
    const [a, b, c, d] = keyWords as unknown as readonly [number, number, number, number];
    for (let link = this.#index.first(hashOf(a, b, c, d)); link !== 0; ) {
      const slot = link - 1;
      const { ints, times } = this.#chunkOf(slot);
      const entry = offsetOf(slot);
      const same = ints[entry] === a && ints[entry + 1] === b && ints[entry + 2] === c && ints[entry + 3] === d;
      if (same && nowMs < (times[timeOf(slot)] ?? 0) + this.windowMs) return slot;
      link = ints[entry + nextWord] ?? 0;
    }
    return -1;
  }

  /**
   * Adds an entry. If the key already has one, expired or not, `find` prefers the new one while it counts. Sizes beyond 4 GiB are
   * stored as 4 GiB. Throws a RangeError at the limit: check `isFull` first.
   */
  add(key: string, atMs: number, source: string, sizeBytes: number, certain: boolean): number {
    if (this.isFull)
      throw new RangeError(`the dedup table is full: it holds ${this.#entriesMax} products (entriesMax)`);
    return this.restore(key, atMs, source, sizeBytes, certain);
  }

  /**
   * Like `add`, without a limit: for what an earlier process knew, perhaps under a higher limit. None of that may be forgotten.
   */
  restore(key: string, atMs: number, source: string, sizeBytes: number, certain: boolean): number {
    readKey(key);
    const last = this.#queue.at(-1);
    const chunk = last && last.end < last.capacity ? last : this.#addChunk();
    const { ints, times } = chunk;
    const slot = (chunk.number << chunkBits) | chunk.end;
    const entry = chunk.end * entryWords;
    chunk.end++;
    const [a, b, c, d] = keyWords as unknown as readonly [number, number, number, number];
    ints[entry] = a;
    ints[entry + 1] = b;
    ints[entry + 2] = c;
    ints[entry + 3] = d;
    ints[entry + word.size] = Math.min(sizeBytes, sizeBytesMax) | 0;
    ints[entry + word.refLow] = 0;
    ints[entry + word.meta] = this.#numberOf(source) | (certain ? flag.certain : 0);
    times[timeOf(slot)] = atMs;
    this.#size++;
    ints[entry + nextWord] = this.#index.putFirst(hashOf(a, b, c, d), slot + 1);
    this.#index.grow(this.#size, this.#chunks);
    return slot;
  }

  /** Removes expired entries, oldest first, at most 4,000 per call. Returns how many. */
  expire(nowMs: number): number {
    let count = 0;
    for (let chunk = this.#queue[0]; chunk && count < expireMax; chunk = this.#queue[0]) {
      while (chunk.start < chunk.end && count < expireMax) {
        const slot = (chunk.number << chunkBits) | chunk.start;
        if (nowMs < (chunk.times[timeOf(slot)] ?? 0) + this.windowMs) return count;
        this.#index.remove(slot + 1, this.#chunks);
        chunk.start++;
        this.#size--;
        count++;
      }
      if (chunk.start === chunk.end) this.#removeChunk(chunk);
    }
    return count;
  }

  /** The product's first arrival, as passed to `add`. */
  atMs(slot: number): number {
    return this.#chunkOf(slot).times[timeOf(slot)] ?? 0;
  }

  source(slot: number): string {
    return this.#sources[this.#get(slot, word.meta) & 0xff] ?? otherSource;
  }

  sizeBytes(slot: number): number {
    return this.#get(slot, word.size) >>> 0;
  }

  /** The product was published with another source's announcement. The kept twin may be that announcement, so it is dropped. */
  setSource(slot: number, source: string, sizeBytes: number): void {
    this.#set(slot, word.size, Math.min(sizeBytes, sizeBytesMax) | 0);
    this.#set(slot, word.meta, (this.#get(slot, word.meta) & ~0xff) | this.#numberOf(source));
    this.setTwinRef(slot, 0);
  }

  /** Whether its publish was confirmed to us or proven otherwise, not only seen in the ledger. */
  isCertain(slot: number): boolean {
    return (this.#get(slot, word.meta) & flag.certain) !== 0;
  }

  setCertain(slot: number): void {
    this.#set(slot, word.meta, this.#get(slot, word.meta) | flag.certain);
  }

  /** Whether its twin was published, according to the ledger. */
  isServed(slot: number): boolean {
    return (this.#get(slot, word.meta) & flag.served) !== 0;
  }

  /** Whether that publish was confirmed to us. */
  isServedForCertain(slot: number): boolean {
    return (this.#get(slot, word.meta) & flag.servedForCertain) !== 0;
  }

  setServed(slot: number, certain: boolean): void {
    const flags = certain ? flag.served | flag.servedForCertain : flag.served;
    this.#set(slot, word.meta, this.#get(slot, word.meta) | flags);
  }

  /** The product is published again, so its twin may be requested again. */
  clearServed(slot: number): void {
    this.#set(slot, word.meta, this.#get(slot, word.meta) & ~(flag.served | flag.servedForCertain));
  }

  /** Whether a puller has it: neither it nor its twin is needed any more. */
  isPulled(slot: number): boolean {
    return (this.#get(slot, word.meta) & flag.pulled) !== 0;
  }

  setPulled(slot: number): void {
    this.#set(slot, word.meta, this.#get(slot, word.meta) | flag.pulled);
  }

  /** Where the journal keeps a twin's announcement; 0: nowhere. */
  twinRef(slot: number): number {
    return (this.#get(slot, word.meta) >>> 16) * 2 ** 32 + (this.#get(slot, word.refLow) >>> 0);
  }

  setTwinRef(slot: number, ref: number): void {
    if (!Number.isInteger(ref) || ref < 0 || ref > twinRefMax) throw new RangeError(`${ref} is not a twin's reference`);
    this.#set(slot, word.refLow, ref | 0);
    this.#set(slot, word.meta, (this.#get(slot, word.meta) & 0xffff) | (Math.floor(ref / 2 ** 32) << 16));
  }

  #get(slot: number, part: number): number {
    return this.#chunkOf(slot).ints[offsetOf(slot) + part] ?? 0;
  }

  #set(slot: number, part: number, value: number): void {
    this.#chunkOf(slot).ints[offsetOf(slot) + part] = value;
  }

  #chunkOf(slot: number): Chunk {
    const chunk = this.#chunks[slot >>> chunkBits];
    if (!chunk) throw new RangeError(`slot ${slot} of the dedup table has no entry (any more)`);
    return chunk;
  }

  #numberOf(source: string): number {
    const known = this.#sourceNumbers.get(source);
    if (known !== undefined) return known;
    if (this.#sources.length === sourcesMax) return sourcesMax;
    this.#sourceNumbers.set(source, this.#sources.length);
    return this.#sources.push(source) - 1;
  }

  #addChunk(): Chunk {
    const number = this.#freeNumbers.pop() ?? this.#chunks.length;
    const chunk = this.#spare ?? makeChunk(this.#size);
    this.#spare = undefined;
    chunk.number = number;
    this.#chunks[number] = chunk;
    this.#queue.push(chunk);
    return chunk;
  }

  #removeChunk(chunk: Chunk): void {
    this.#queue.shift();
    this.#chunks[chunk.number] = undefined;
    this.#freeNumbers.push(chunk.number);
    chunk.start = 0;
    chunk.end = 0;
    this.#spare ??= chunk;
  }
}

function offsetOf(slot: number): number {
  return (slot & ((1 << chunkBits) - 1)) * entryWords;
}

function timeOf(slot: number): number {
  return (slot & ((1 << chunkBits) - 1)) * (entryWords / 2) + 4;
}
