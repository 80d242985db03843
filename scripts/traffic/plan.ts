import { type Fingerprint, fingerprintOf, largeRecipe, makeContent, ordinaryRecipe, type Recipe } from "./content.ts";
import { formatFileName, formatFolder, formatProductName } from "./names.ts";
import { type Random, seededRandom } from "./random.ts";
import type { Samples } from "./samples.ts";

/** One URP's copy of a product: both URPs receive the same radar data, and each makes its own file. */
export interface ProductCopy extends Fingerprint {
  readonly urp: string;
  /** The product name with this URP's reception stamp. */
  readonly file: string;
  /** Below the db tree, `YYYYMMDD/RADAR/URP/SITE/FILE`. */
  readonly path: string;
  /** The content: a recipe over the samples, the user's own file, or bytes. */
  readonly content: { readonly recipe: Recipe } | { readonly ownFile: string } | { readonly bytes: Buffer };
  /** Milliseconds from the start of the run to the start of writing. */
  readonly atMs: number;
  /** Written elsewhere and renamed into the tree, instead of written in place. */
  readonly renamed: boolean;
}

export interface PlannedProduct {
  readonly name: string;
  readonly copies: readonly ProductCopy[];
}

export interface ProductPlan {
  readonly urps: readonly string[];
  readonly products: readonly PlannedProduct[];
}

export interface PlanOptions {
  readonly urps: readonly string[];
  readonly count: number;
  readonly ratePerSecond: number;
  /** The same seed, observation time and samples make the same plan. */
  readonly seed: number;
  /** See `firstObservationOf`: two plans for one dispatcher need different ones. */
  readonly firstObservation: Date;
}

/** Radars of the Canadian network (2015), as in the source's example. */
const sites = [
  ...["IWA", "WKR", "WBI", "WSO", "WGJ", "XDR", "XNI", "XFT"],
  ...["WMN", "XLA", "WVY", "XAM", "WMB", "XNC", "XGO", "WUJ"],
];

/** Products as a URP names them: accumulations, rates, echo tops, winds. The last four only test unusual names. */
const types = [
  "PA,60,10,PA_PRECIPET,MM_HR,MM",
  "PA,180,10,PA_PRECIPET,MM_HR,MM",
  "PA,360,10,PA_PRECIPET,MM_HR,MM",
  "PA,1440,10,PA_PRECIPET,MM_HR,MM",
  "PA,60,10,PA_PRECIPET_SNOW,CM_HR,CM",
  "PA,180,10,PA_PRECIPET_SNOW,CM_HR,CM",
  "CAPPI,1.0,10,CAPPI_RAIN,DBZ,MM_HR",
  "CAPPI,1.0,10,CAPPI_SNOW,DBZ,CM_HR",
  "CAPPI,1.5,10,CAPPI_RAIN,DBZ,MM_HR",
  "CAPPI,1.5,10,CAPPI_SNOW,DBZ,CM_HR",
  "CAPPI,3.0,10,CAPPI,DBZ,DBZ",
  "CAPPI,7.0,10,CAPPI,DBZ,DBZ",
  "PPI,0.3,10,PPI_DOPVOL1_A,DBZ,DBZ",
  "PPI,0.5,10,PPI_DOPVOL1_B,M_S,M_S",
  "PPI,3.5,10,PPI_DOPVOL2,M_S,M_S",
  "ECHOTOP,18,10,ECHOTOP,DBZ,KM",
  "VIL,0,10,VIL,DBZ,KG_M2",
  "MAXR,0,10,MAXR,DBZ,DBZ",
  "HAIL,0,10,HAIL_POH,DBZ,PCT",
  "VAD,0.5,10,VAD_PROFILE,M_S,KT",
  "GUST,0,10,GUST_POTENTIAL,M_S,KM_H",
  "PA,60,10,PA PRECIPET PLUIE,MM_HR,MM",
  "PA,60,10,PA_PRÉCIPITÉ_ÉTÉ,MM_HR,MM",
  "HAIL,0,10,GRÊLE 100%,DBZ,PCT",
  "PPI,1.0,10,PPI+CAPPI #2,DBZ,DBZ",
] as const;

const productsPerMinute = sites.length * types.length;
const minuteMs = 60_000;

/** Milliseconds within which a product's twin follows on the other URP. */
const twinLagMs = 200;
const twinsAtOnce = 0.2;

const largeBytes = 5_000_000;
/** Of this many products one is empty and one is large; from four products on there is at least one of each. */
const oneRareIn = 130;

/**
 * The files that the URPs will write. Pure and repeatable. Each URP writes each product, a little apart, in either order.
 * The names are equal; reception stamps, bytes and sizes differ (except for empty files). Half of the files are renamed into place.
 */
export function planProducts(options: PlanOptions, samples: Samples): ProductPlan {
  const random = seededRandom(options.seed);
  const kinds = rareKinds(options.count, random);
  const order = shuffled(options.count, random);
  const products = order.map((place, turn): PlannedProduct => {
    const identity = identityOf(place, options.firstObservation);
    const name = formatProductName(identity);
    const folder = formatFolder(identity.observed, identity.site);
    const kind = kinds.get(turn) ?? "ordinary";
    const startMs = (turn * 1000) / options.ratePerSecond;
    const first = random.below(options.urps.length);
    const lagMs = random.chance(twinsAtOnce) ? 0 : random.below(twinLagMs + 1);
    const receivedMs = identity.observed.getTime() + random.below(30) * 1000;
    const taken = new Set<number>();
    const copies = options.urps.map((urp, index): ProductCopy => {
      const recipe = distinctRecipe(kind, samples, random, taken);
      const file = formatFileName(name, new Date(receivedMs + index * 1000));
      return {
        urp,
        file,
        path: `${folder}/${file}`,
        content: { recipe },
        ...fingerprintOf(makeContent(recipe, samples)),
        atMs: startMs + (index === first ? 0 : lagMs),
        renamed: random.chance(0.5),
      };
    });
    return { name, copies };
  });
  return { urps: options.urps, products };
}

type Kind = "ordinary" | "empty" | "large";

function recipeFor(kind: Kind, samples: Samples, random: Random): Recipe {
  if (kind === "empty") return [];
  if (kind === "large") return largeRecipe(samples, random, largeBytes + random.below(largeBytes / 100));
  return ordinaryRecipe(samples, random);
}

/** A recipe whose size differs from all twins', so that the size alone reveals a copy that was mistaken for its twin. */
function distinctRecipe(kind: Kind, samples: Samples, random: Random, taken: Set<number>): Recipe {
  for (;;) {
    const recipe = recipeFor(kind, samples, random);
    const size = recipe.reduce((sum, slice) => sum + slice.length, 0);
    if (kind === "empty" || !taken.has(size)) {
      taken.add(size);
      return recipe;
    }
  }
}

/** The indexes of empty and of large products. */
function rareKinds(count: number, random: Random): ReadonlyMap<number, Kind> {
  const each = count < 4 ? 0 : Math.max(1, Math.floor(count / oneRareIn));
  const turns = shuffled(count, random);
  return new Map([
    ...turns.slice(0, each).map((turn): [number, Kind] => [turn, "empty"]),
    ...turns.slice(each, 2 * each).map((turn): [number, Kind] => [turn, "large"]),
  ]);
}

/** Coprime to `productsPerMinute`: steps of this size visit every place, and already a few visit several sites and types. */
const stride = 171;

/** The product at an index of the endless list: all types of all sites of one minute, then those of the next minute. */
function identityOf(place: number, firstObservation: Date) {
  const withinMinute = (place * stride) % productsPerMinute;
  return {
    observed: new Date(firstObservation.getTime() + Math.floor(place / productsPerMinute) * minuteMs),
    type: types[withinMinute % types.length] ?? types[0],
    site: sites[Math.floor(withinMinute / types.length)] ?? "IWA",
  };
}

/** 0 to `count` - 1 in random order (Fisher and Yates). */
function shuffled(count: number, random: Random): number[] {
  const turns = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [turns[last], turns[other]] = [turns[other] ?? 0, turns[last] ?? 0];
  }
  return turns;
}
