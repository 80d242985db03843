import type { Placing, ProductSighting } from "./sighting.ts";

/**
 * `seen`: neither announced nor dispatched as far as is known. `waiting`: announced or dispatched, not placed. `overdue`: that, for too long.
 * `unknown`: that, but its receipt may have been missed. `placed`: in time, as far as is known; `late`: after it was overdue.
 */
export type ProductState = "seen" | "waiting" | "overdue" | "unknown" | "placed" | "late";

/** What is known of one product. Times are milliseconds since 1970 by the auditor's clock, except `closedMs`. */
export interface Product {
  /** 32 hexadecimal digits in lower case. */
  readonly key: string;
  /** As announced, escaped as in a URL; empty if only receipts are known. */
  readonly path: string;
  readonly state: ProductState;
  readonly firstMs: number;
  readonly announcedMs?: number | undefined;
  readonly announcedBy?: string | undefined;
  /** The other radar server's announcement. */
  readonly secondMs?: number | undefined;
  readonly secondBy?: string | undefined;
  /** When its file was complete, by the radar server's clock. */
  readonly closedMs?: number | undefined;
  readonly dispatchedMs?: number | undefined;
  readonly dispatchId?: string | undefined;
  /** Its twin was sent to the pullers. */
  readonly twinMs?: number | undefined;
  readonly placedMs?: number | undefined;
  readonly puller?: string | undefined;
  /** Of the first receipt of a placing, and of the first without marks. */
  readonly placingId?: string | undefined;
  readonly unmarkedId?: string | undefined;
  readonly dispatchedAgain: boolean;
  readonly repeated: boolean;
  /** It counts as unknown. */
  readonly unsure: boolean;
}

/** Totals. Each product counts once in each. */
export interface Counts {
  readonly announced: number;
  readonly dispatched: number;
  readonly placed: number;
  readonly overdue: number;
  readonly latePlaced: number;
  readonly dispatchedAgain: number;
  readonly repeated: number;
  readonly unknown: number;
}

export interface Limits {
  readonly overdueMs: number;
  /** How long a name means the same product. */
  readonly windowMs: number;
}

/** When a message was sent: after `sinceMs` and before `nowMs`, by this host's clock. */
export interface SentBetween {
  readonly sinceMs: number;
  readonly nowMs: number;
}

/**
 * A dispatcher's window begins a moment later than this auditor's, by its own clock. A second dispatch this long before the end of the window is
 * still the next product of that name.
 */
const windowSlackMs = 60_000;

/**
 * What is known of a product after one more sighting. Sightings come in any order, and each of them any number of times: the result is the same, as
 * long as none is later than the window or the time limit.
 *
 * @param at a time from a message counts only within these limits
 */
export function withSighting(
  known: Product | undefined,
  sighting: ProductSighting,
  at: SentBetween,
  limits: Limits,
): Product {
  const { key } = sighting;
  const product = known && !isNextOf(known, sighting, at, limits) ? known : unseen(key, at);
  switch (sighting.kind) {
    case "announced":
      return announced(product, sighting, at);
    case "dispatched":
      return dispatched(product, sighting, at);
    case "twin":
      return { ...product, path: product.path || sighting.path, twinMs: product.twinMs ?? at.nowMs };
    case "placed":
      return placed(product, sighting, at, limits);
  }
}

/** What a product adds to the totals, compared with what it was; a new product of the same name adds to what the former one did. */
export function countsOf(before: Product | undefined, after: Product): Counts {
  const old = before?.firstMs === after.firstMs ? before : undefined;
  const added = (is: (product: Product) => boolean) => Number(is(after)) - Number(old !== undefined && is(old));
  return {
    announced: added((one) => one.announcedMs !== undefined),
    dispatched: added((one) => one.dispatchedMs !== undefined),
    placed: added(isPlaced),
    overdue: added(({ state }) => state === "overdue" || state === "late"),
    latePlaced: added(({ state }) => state === "late"),
    dispatchedAgain: added((one) => one.dispatchedAgain),
    repeated: added((one) => one.repeated),
    unknown: added((one) => one.unsure),
  };
}

export const isPlaced = ({ placedMs }: Product): boolean => placedMs !== undefined;

/** Since when it waits to be placed. */
export const waitingSinceMs = ({ announcedMs, dispatchedMs }: Product): number | undefined =>
  announcedMs ?? dispatchedMs;

const unseen = (key: string, { nowMs }: SentBetween): Product => ({
  ...{ key, path: "", state: "seen", firstMs: nowMs, dispatchedAgain: false, repeated: false, unsure: false },
});

/** Whether the name means another product by now. */
function isNextOf(known: Product, sighting: ProductSighting, { nowMs }: SentBetween, { windowMs }: Limits): boolean {
  const ageMs = nowMs - known.firstMs;
  if (sighting.kind === "announced") return ageMs > windowMs;
  if (sighting.kind !== "dispatched" || sighting.inDoubt || known.dispatchId === undefined) return false;
  return sighting.id !== known.dispatchId && ageMs > windowMs - Math.min(windowSlackMs, windowMs / 2);
}

type Of<Kind extends ProductSighting["kind"]> = Extract<ProductSighting, { kind: Kind }>;

function announced(product: Product, { path, source, closedMs }: Of<"announced">, at: SentBetween): Product {
  if (product.announcedMs === undefined) {
    const seen = { ...product, path: product.path || path, closedMs: product.closedMs ?? plausible(closedMs, at) };
    return waiting({ ...seen, announcedMs: within(closedMs, at), announcedBy: source });
  }
  if (product.announcedBy === source || product.secondMs !== undefined) return product;
  return { ...product, secondMs: at.nowMs, secondBy: source };
}

function dispatched(product: Product, { path, id, inDoubt }: Of<"dispatched">, { nowMs }: SentBetween): Product {
  const seen = { ...product, path: product.path || path, dispatchedMs: product.dispatchedMs ?? nowMs };
  // An unconfirmed publish is no second dispatch, whichever of the two is seen first.
  if (inDoubt || product.dispatchId === id) return waiting(seen);
  if (product.dispatchId === undefined) return waiting({ ...seen, dispatchId: id });
  return waiting({ ...seen, dispatchedAgain: true });
}

const waiting = (product: Product): Product => (product.state === "seen" ? { ...product, state: "waiting" } : product);

function placed(product: Product, { placing, closedMs }: Of<"placed">, at: SentBetween, limits: Limits): Product {
  const receipted = withPlacing({ ...product, closedMs: product.closedMs ?? plausible(closedMs, at) }, placing);
  if (isPlaced(product)) return receipted;
  const placedMs = within(placing.kind === "placed" ? placing.placedMs : undefined, at);
  const puller = placing.kind === "unmarked" ? undefined : placing.host;
  const since = waitingSinceMs(product);
  const isLate = product.state === "overdue" || (since !== undefined && placedMs - since > limits.overdueMs);
  return { ...receipted, placedMs, puller, state: isLate ? "late" : "placed" };
}

/** Two receipts with different placings prove a repeat. A second receipt without marks leaves open whether it is one. */
function withPlacing(product: Product, placing: Placing): Product {
  const { placingId, unmarkedId } = product;
  if (placing.kind === "before") return product;
  if (placing.kind === "placed") {
    if (placingId !== undefined) return placingId === placing.id ? product : { ...product, repeated: true };
    return { ...product, placingId: placing.id, unsure: product.unsure || unmarkedId !== undefined };
  }
  if (unmarkedId === placing.id) return product;
  const isSecond = unmarkedId !== undefined || placingId !== undefined;
  return { ...product, unmarkedId: unmarkedId ?? placing.id, unsure: product.unsure || isSecond };
}

/** The clocks of two hosts may differ by this much. */
const clocksDifferMs = 60_000;
/** Announcers announce what they missed, but no file is this old. */
const closedAgoMaxMs = 7 * 86_400_000;

/** A time at which a file can have been closed, or undefined: nothing else is measured from. */
const plausible = (timeMs: number | undefined, { nowMs }: SentBetween): number | undefined =>
  timeMs !== undefined && timeMs <= nowMs + clocksDifferMs && timeMs >= nowMs - closedAgoMaxMs ? timeMs : undefined;

/** A time from a message, if it is one at which that message can have been sent; else the nearest of those. */
const within = (timeMs: number | undefined, { sinceMs, nowMs }: SentBetween): number =>
  Math.max(Math.min(timeMs ?? nowMs, nowMs), Math.min(sinceMs, nowMs));
