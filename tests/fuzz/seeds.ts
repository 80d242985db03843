import { randomInt } from "node:crypto";
import fc from "fast-check";
import type { FuzzOptions } from "./subject.ts";

/** Seeds that every run of the tests uses. Add the seed of each fixed finding. */
export const fixedSeeds: readonly number[] = [1];
export const seedMax = 0x7fff_ffff;
/** One input in this many is valid, to show that the agent still works. */
const validEvery = 50;

export function randomSeed(): number {
  return randomInt(1, seedMax);
}

type Run = Pick<FuzzOptions, "count" | "only">;

/** Whether the input of this index stays valid. */
export function isValidIndex(index: number): boolean {
  return index % validEvery === 0;
}

/** The number of valid inputs in a run. */
export function validCount({ count, only }: Run): number {
  if (only !== undefined) return isValidIndex(only) ? 1 : 0;
  return Math.ceil(count / validEvery);
}

/** The indices of a run: all, or only the replayed one. */
export function* indicesOf({ count, only }: Run): Generator<number> {
  if (only !== undefined) yield only;
  else for (let index = 0; index < count; index++) yield index;
}

/** The value of one index. It depends only on seed and index, so that one input can be replayed without the previous ones. */
export function draw<T>(arbitrary: fc.Arbitrary<T>, seed: number, index: number): T {
  const [value] = fc.sample(arbitrary, { seed: mix(seed, index), numRuns: 1 });
  return value as T;
}

/** Spreads adjacent indices over all bits, or their values would be similar (the finaliser of MurmurHash3). */
function mix(seed: number, index: number): number {
  let hash = Math.imul(seed, 0x9e37_79b1) ^ Math.imul(index + 1, 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
