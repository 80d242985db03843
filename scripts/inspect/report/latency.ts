/** A share of products that may be slower than a time. */
export interface Objective {
  readonly withinSeconds: number;
  readonly slowShare: number;
}

export interface Budget {
  readonly withinSeconds: number;
  /** Products with a measured latency. */
  readonly products: number;
  readonly slow: number;
  /** Products that the objective allows to be slow. */
  readonly allowed: number;
  /** Undefined without products. */
  readonly usedShare: number | undefined;
}

/** Upper bounds in seconds of the classes in which the percentiles are; undefined: slower than the last bound, or no product. */
export type Percentiles = Readonly<Record<"p50" | "p95" | "p99", number | undefined>>;

/** Numbers of products by class: one for each upper bound in seconds, and one for everything slower. */
export interface Latency {
  readonly bounds: readonly number[];
  readonly classes: readonly number[];
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** @param all the classes of each hour */
export const latencyOf = (bounds: readonly number[], all: readonly (readonly number[])[]): Latency => ({
  bounds,
  classes: Array.from({ length: bounds.length + 1 }, (_, at) => sum(all.map((classes) => classes[at] ?? 0))),
});

export const percentilesOf = (latency: Latency): Percentiles => ({
  p50: percentile(latency, 0.5),
  p95: percentile(latency, 0.95),
  p99: percentile(latency, 0.99),
});

function percentile({ bounds, classes }: Latency, share: number): number | undefined {
  const wanted = sum(classes) * share;
  if (wanted === 0) return undefined;
  let below = 0;
  const at = classes.findIndex((products) => {
    below += products;
    return below >= wanted;
  });
  return bounds[at];
}

/** @param objective its time is one of the bounds */
export function budgetOf({ bounds, classes }: Latency, { withinSeconds, slowShare }: Objective): Budget {
  const products = sum(classes);
  const slow = sum(classes.slice(bounds.indexOf(withinSeconds) + 1));
  const allowed = products * slowShare;
  return { withinSeconds, products, slow, allowed, usedShare: products > 0 ? slow / allowed : undefined };
}
