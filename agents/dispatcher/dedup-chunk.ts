/** A slot is a chunk's number and, in this many low bits, the position in the chunk. */
export const chunkBits = 12;
/** 32-bit words per entry. The first four are the key; the fifth links to the next entry of the bucket (its slot + 1; 0: none). */
export const entryWords = 10;
export const nextWord = 4;
/** Capacity of the first chunk, so that a table with few entries is cheap to create. */
const capacityMin = 16;

/** Entries side by side, filled and expired from the front. */
export interface Chunk {
  number: number;
  readonly capacity: number;
  readonly ints: Int32Array;
  /** The same memory as 64-bit numbers. */
  readonly times: Float64Array;
  /** The first entry that has not expired. */
  start: number;
  /** After the last entry. */
  end: number;
}

/** A chunk as large as all the previous ones together, within limits. */
export function makeChunk(entries: number): Chunk {
  const capacity = Math.min(1 << chunkBits, Math.max(capacityMin, entries));
  const memory = new ArrayBuffer(capacity * entryWords * 4);
  return { number: 0, capacity, ints: new Int32Array(memory), times: new Float64Array(memory), start: 0, end: 0 };
}
