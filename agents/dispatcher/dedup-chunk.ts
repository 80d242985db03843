/** A slot is a chunk's number and, in so many bits, the place in it. */
export const chunkBits = 12;
/** 32-bit words per entry. The first four are the key, the fifth links to the next entry of its bucket (its slot + 1; 0: none). */
export const entryWords = 10;
export const nextWord = 4;
/** Room of the first chunk: a table with few entries is cheap to make. */
const capacityMin = 16;

/** Room for entries side by side, filled from the front and forgotten from the front. */
export interface Chunk {
  number: number;
  readonly capacity: number;
  readonly ints: Int32Array;
  /** The same memory, as 64-bit numbers. */
  readonly times: Float64Array;
  /** The first entry that isn't forgotten. */
  start: number;
  /** Behind the last entry. */
  end: number;
}

/** A chunk as large as everything before it, within limits. */
export function makeChunk(entries: number): Chunk {
  const capacity = Math.min(1 << chunkBits, Math.max(capacityMin, entries));
  const memory = new ArrayBuffer(capacity * entryWords * 4);
  return { number: 0, capacity, ints: new Int32Array(memory), times: new Float64Array(memory), start: 0, end: 0 };
}
