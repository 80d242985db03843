import { type Chunk, chunkBits, entryWords, nextWord } from "./dedup-chunk.ts";

/** Buckets in one block of the index. */
const blockBits = 14;
const bucketsMin = 16;

/**
 * Index of the dedup table by key: linear hashing (Litwin 1980) with a chain of entries per bucket. For each entry beyond the
 * number of buckets, one bucket is split in two. So growing never moves more than one chain, and removing leaves no tombstones.
 * An entry is named by its link, slot + 1; 0 ends a chain.
 */
export class DedupIndex {
  /** The first links of the buckets. Only the first block can be smaller than a full one. */
  readonly #blocks: Int32Array[] = [new Int32Array(bucketsMin)];
  /** Buckets when the current round of splitting began, a power of two. */
  #round = bucketsMin;
  /** Buckets of this round that are already split. */
  #split = 0;

  /** The link to the first entry of the hash's bucket. */
  first(hash: number): number {
    return this.#get(this.#bucketOf(hash));
  }

  /** Puts an entry at the front of its bucket. Returns the link to the previous first entry, which the new entry must store. */
  putFirst(hash: number, link: number): number {
    const bucket = this.#bucketOf(hash);
    const before = this.#get(bucket);
    this.#set(bucket, link);
    return before;
  }

  remove(link: number, chunks: readonly (Chunk | undefined)[]): void {
    const bucket = this.#bucketOf(hashOfLink(link, chunks));
    let previous = 0;
    for (let each = this.#get(bucket); each !== 0; each = nextOf(each, chunks)) {
      if (each !== link) {
        previous = each;
        continue;
      }
      if (previous === 0) this.#set(bucket, nextOf(link, chunks));
      else setNext(previous, nextOf(link, chunks), chunks);
      return;
    }
    throw new Error(`the dedup table's index has lost entry ${link - 1}`);
  }

  /** Splits one bucket if there are more entries than buckets. */
  grow(entries: number, chunks: readonly (Chunk | undefined)[]): void {
    if (entries <= this.#round + this.#split) return;
    const lower = this.#split;
    const upper = this.#round + this.#split;
    this.#makeRoom(upper);
    let lowerEnd = 0;
    let upperEnd = 0;
    let link = this.#get(lower);
    this.#set(lower, 0);
    // The order is kept, so that a key's newest entry stays before its older ones.
    for (let next = 0; link !== 0; link = next) {
      next = nextOf(link, chunks);
      setNext(link, 0, chunks);
      if ((hashOfLink(link, chunks) & this.#round) === 0) {
        if (lowerEnd === 0) this.#set(lower, link);
        else setNext(lowerEnd, link, chunks);
        lowerEnd = link;
      } else {
        if (upperEnd === 0) this.#set(upper, link);
        else setNext(upperEnd, link, chunks);
        upperEnd = link;
      }
    }
    if (++this.#split < this.#round) return;
    this.#round *= 2;
    this.#split = 0;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (this.#round - 1);
    return bucket < this.#split ? hash & (2 * this.#round - 1) : bucket;
  }

  #makeRoom(bucket: number): void {
    const [first] = this.#blocks;
    if (first && bucket >= first.length && first.length < 1 << blockBits) {
      // At most 64 kB are copied; beyond that, blocks are added.
      const larger = new Int32Array(first.length * 2);
      larger.set(first);
      this.#blocks[0] = larger;
    } else if (bucket >>> blockBits === this.#blocks.length) {
      this.#blocks.push(new Int32Array(1 << blockBits));
    }
  }

  #get(bucket: number): number {
    return this.#blocks[bucket >>> blockBits]?.[bucket & ((1 << blockBits) - 1)] ?? 0;
  }

  #set(bucket: number, link: number): void {
    const block = this.#blocks[bucket >>> blockBits];
    if (block) block[bucket & ((1 << blockBits) - 1)] = link;
  }
}

/** All words take part, because sequential keys (as tests make them) must spread too. The steps are MurmurHash3's finalizer. */
export function hashOf(a: number, b: number, c: number, d: number): number {
  let hash = a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca77) ^ Math.imul(d, 0xc2b2ae3d);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function hashOfLink(link: number, chunks: readonly (Chunk | undefined)[]): number {
  const ints = intsOf(link, chunks);
  const entry = entryOf(link);
  return hashOf(ints[entry] ?? 0, ints[entry + 1] ?? 0, ints[entry + 2] ?? 0, ints[entry + 3] ?? 0);
}

function nextOf(link: number, chunks: readonly (Chunk | undefined)[]): number {
  return intsOf(link, chunks)[entryOf(link) + nextWord] ?? 0;
}

function setNext(link: number, next: number, chunks: readonly (Chunk | undefined)[]): void {
  intsOf(link, chunks)[entryOf(link) + nextWord] = next;
}

function intsOf(link: number, chunks: readonly (Chunk | undefined)[]): Int32Array {
  const chunk = chunks[(link - 1) >>> chunkBits];
  if (!chunk) throw new Error(`the dedup table's index refers to entry ${link - 1}, which has expired`);
  return chunk.ints;
}

function entryOf(link: number): number {
  return ((link - 1) & ((1 << chunkBits) - 1)) * entryWords;
}
