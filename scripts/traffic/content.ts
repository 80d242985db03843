import { createHash } from "node:crypto";
import type { Random } from "./random.ts";
import type { Samples } from "./samples.ts";

/** A slice of a sample. */
export interface Slice {
  readonly sample: string;
  readonly offset: number;
  readonly length: number;
}

/** The recipe of a product: kept instead of its bytes, so that a plan of thousands of products stays small. */
export type Recipe = readonly Slice[];

export function makeContent(recipe: Recipe, samples: Samples): Buffer {
  return Buffer.concat(
    recipe.map(({ sample, offset, length }) => {
      const content = samples.get(sample);
      if (content === undefined) throw new Error(`no sample named ${sample}`);
      return content.subarray(offset, offset + length);
    }),
  );
}

/** Size in bytes and SHA-256 (hex) of a product. */
export interface Fingerprint {
  readonly size: number;
  readonly sha256: string;
}

export function fingerprintOf(content: Buffer): Fingerprint {
  return { size: content.length, sha256: createHash("sha256").update(content).digest("hex") };
}

/** One to three slices of the samples, a few hundred bytes to a few hundred kilobytes in total. */
export function ordinaryRecipe(samples: Samples, random: Random): Recipe {
  return Array.from({ length: 1 + random.below(3) }, () => anySlice(samples, random));
}

/** Slices of the samples, `bytes` in total. */
export function largeRecipe(samples: Samples, random: Random, bytes: number): Recipe {
  const slices: Slice[] = [];
  for (let left = bytes; left > 0; ) {
    const slice = anySlice(samples, random);
    const length = Math.min(slice.length, left);
    slices.push({ ...slice, length });
    left -= length;
  }
  return slices;
}

function anySlice(samples: Samples, random: Random): Slice {
  const names = [...samples.keys()];
  const sample = names[random.below(names.length)] ?? "";
  const whole = samples.get(sample)?.length ?? 0;
  const offset = random.below(Math.ceil(whole / 2));
  return { sample, offset, length: 1 + random.below(whole - offset) };
}
