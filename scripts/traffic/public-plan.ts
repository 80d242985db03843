import { type Fingerprint, fingerprintOf, makeContent, ordinaryRecipe, type Recipe } from "./content.ts";
import { seededRandom } from "./random.ts";
import type { Samples } from "./samples.ts";

/** A product of the public data server path: a file for px, as in the requirement's example. */
export interface PublicProduct extends Fingerprint {
  /** In px's txq, e.g. `201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF::20130606144709`. */
  readonly file: string;
  /** On the public data server and at clients: the part before the first colon. */
  readonly delivered: string;
  readonly content: { readonly recipe: Recipe } | { readonly bytes: Buffer };
  /** Milliseconds from the start of the run to the start of writing. */
  readonly atMs: number;
}

export interface PublicPlanOptions {
  readonly count: number;
  readonly ratePerSecond: number;
  /** The same seed, observation time and samples make the same plan. */
  readonly seed: number;
  /** See `firstObservationOf`: files that a client already has are not counted. */
  readonly firstObservation: Date;
}

const sites = ["XSS", "XFT", "XDR", "XNI", "XLA", "XAM", "XNC", "XGO"];
const minuteMs = 60_000;

/** The files for px, all with different names. Pure and repeatable. */
export function planPublicProducts(options: PublicPlanOptions, samples: Samples): PublicProduct[] {
  const random = seededRandom(options.seed);
  return Array.from({ length: options.count }, (_, index): PublicProduct => {
    const observed = new Date(options.firstObservation.getTime() + Math.floor(index / sites.length) * minuteMs);
    const site = sites[index % sites.length] ?? "XSS";
    const recipe = ordinaryRecipe(samples, random);
    return {
      ...publicNames(observed, site),
      content: { recipe },
      ...fingerprintOf(makeContent(recipe, samples)),
      atMs: (index * 1000) / options.ratePerSecond,
    };
  });
}

/** What a product is called in px's txq, and once it is delivered. */
export function publicNames(observed: Date, site: string): Pick<PublicProduct, "file" | "delivered"> {
  const digits = observed.toISOString().replace(/[^0-9]/g, "");
  const delivered = `${digits.slice(0, 12)}_${site}_24_HR_ACCUM_MM.gif`;
  return { delivered, file: `${delivered}:URP:${site}:RADAR:GIF::${digits.slice(0, 14)}` };
}
