import { productKey } from "../../agents/lib/announcement.ts";
import { formatFileName, formatFolder, formatProductName } from "../../scripts/traffic/names.ts";
import type { ProductCopy } from "../../scripts/traffic/plan.ts";
import type { Random } from "../../scripts/traffic/random.ts";

/** One URP's copy of a product. Small, because only announcements matter here. */
export interface ChaosCopy extends Omit<ProductCopy, "sha256" | "atMs" | "content"> {
  readonly content: { readonly bytes: Buffer };
  /** Milliseconds after its twin. */
  readonly lagMs: number;
}

export interface ChaosProduct {
  readonly name: string;
  /** As in its announcements. */
  readonly key: string;
  readonly copies: readonly ChaosCopy[];
}

const mark = "CHAOS_";
const sites = ["IWA", "WKR", "WBI", "WSO", "WGJ", "XDR", "XNI", "XFT"] as const;
const sizeLeast = 100;
const sizeMost = 4000;

/** Time between twins: usually realistic, sometimes long enough for a fault and a takeover in between. */
const lags = [
  { share: 0.7, mostMs: 200 },
  { share: 0.67, mostMs: 2_000 },
  { share: 1, mostMs: 8_000 },
] as const;

/** Common part of the names of one run. */
export const runMark = (run: string): string => `${mark}${run}_`;

/** Whether a file is from any run of this suite. */
export const isChaosFile = (file: string): boolean => file.includes(`,${mark}`);

/** The product of a number. The same run, number and random numbers give the same product. `observed` also determines its folder. */
export function makeProduct(
  run: string,
  number: number,
  { urps, observed, random }: { urps: readonly string[]; observed: Date; random: Random },
): ChaosProduct {
  const site = sites[number % sites.length] ?? sites[0];
  const name = formatProductName({ observed, type: `PPI,0.3,10,${runMark(run)}${number},DBZ,DBZ`, site });
  const first = random.below(urps.length);
  const lagMs = drawLag(random);
  const size = sizeLeast + random.below(sizeMost - sizeLeast);
  const copies = urps.map((urp, index): ChaosCopy => {
    const file = formatFileName(name, new Date(observed.getTime() + (1 + index) * 1000));
    // Twins differ in size, so that a mix-up shows.
    const bytes = contentOf(file, urp, size + index);
    return {
      urp,
      file,
      path: `${formatFolder(observed, site)}/${file}`,
      content: { bytes },
      size: bytes.length,
      renamed: random.chance(0.5),
      lagMs: index === first ? 0 : lagMs,
    };
  });
  return { name, key: productKey(name), copies };
}

function drawLag(random: Random): number {
  const { mostMs } = lags.find(({ share }) => random.chance(share)) ?? lags[2];
  return random.below(mostMs + 1);
}

/** A copy's content, which identifies its URP in every byte. */
export function contentOf(file: string, urp: string, size: number): Buffer {
  return Buffer.alloc(size, `${urp} ${file}\n`);
}
