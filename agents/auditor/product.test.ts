import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { announcedBy, dispatchedAs, placedAt, placedBefore, startMs, unmarked } from "./fixture.ts";
import { type Counts, countsOf, type Product, withSighting } from "./product.ts";
import type { ProductSighting } from "./sighting.ts";

const limits = { overdueMs: 120_000, windowMs: 7_200_000 };
const at = (nowMs = startMs, sinceMs = nowMs) => ({ nowMs, sinceMs });

function productAfter(sightings: readonly ProductSighting[]): { product: Product | undefined; counts: Counts } {
  let product: Product | undefined;
  let counts: Counts = { ...zero };
  for (const sighting of sightings) {
    const next = withSighting(product, sighting, at(), limits);
    const added = countsOf(product, next);
    counts = Object.fromEntries(
      Object.entries(counts).map(([name, sum]) => [name, sum + added[name as keyof Counts]]),
    ) as unknown as Counts;
    product = next;
  }
  return { product, counts };
}

const zero: Counts = {
  ...{ announced: 0, dispatched: 0, placed: 0, overdue: 0, latePlaced: 0 },
  ...{ dispatchedAgain: 0, repeated: 0, unknown: 0 },
};

/** The counts of one product by what sets of sightings mean, without any order. */
function reference(sightings: readonly ProductSighting[]): Counts {
  const placings = sightings.flatMap((one) => (one.kind === "placed" ? [one.placing] : []));
  const dispatches = sightings.flatMap((one) => (one.kind === "dispatched" && !one.inDoubt ? [one.id] : []));
  const marked = new Set(placings.flatMap((one) => (one.kind === "placed" ? [one.id] : [])));
  const others = new Set(placings.flatMap((one) => (one.kind === "unmarked" ? [one.id] : [])));
  const has = (kind: ProductSighting["kind"]) => Number(sightings.some((one) => one.kind === kind));
  return {
    ...zero,
    announced: has("announced"),
    dispatched: has("dispatched"),
    placed: has("placed"),
    dispatchedAgain: Number(new Set(dispatches).size > 1),
    repeated: Number(marked.size > 1),
    unknown: Number(others.size > 0 && marked.size + others.size > 1),
  };
}

const sighting = fc.constantFrom<ProductSighting>(
  announcedBy(1, "urp-1"),
  announcedBy(1, "urp-2"),
  dispatchedAs(1, "a-1"),
  dispatchedAs(1, "b-7"),
  dispatchedAs(1, "b-8", true),
  { kind: "twin", key: announcedBy(1, "").key, path: "db/1" },
  placedAt(1, "pds-1", startMs),
  placedAt(1, "pds-2", startMs),
  placedAt(1, "pds-1", startMs + 1),
  placedBefore(1),
  unmarked(1, "c-1"),
  unmarked(1, "c-2"),
);

test("sightings in any order, each of them repeated or not, count as their set", () => {
  fc.assert(
    fc.property(fc.array(sighting, { maxLength: 20 }), (sightings) => {
      expect(productAfter(sightings).counts).toEqual(reference(sightings));
    }),
    { numRuns: 2000 },
  );
});

describe("a product", () => {
  const first = (...sightings: ProductSighting[]) => productAfter(sightings).product;

  test("knows both radar servers, its times, and the puller that placed it", () => {
    const product = first(
      ...[announcedBy(1, "urp-1"), announcedBy(1, "urp-2"), dispatchedAs(1, "a-1"), placedAt(1, "pds-3", startMs)],
    );
    expect(product).toMatchObject({
      ...{ state: "placed", announcedBy: "urp-1", secondBy: "urp-2", puller: "pds-3", path: "db/1" },
      ...{ announcedMs: startMs, dispatchedMs: startMs, placedMs: startMs },
    });
  });

  test("is the next one of that name after the window, and then counts again", () => {
    const later = at(startMs + limits.windowMs + 1);
    const before = first(announcedBy(1, "urp-1"), dispatchedAs(1, "a-1"), placedAt(1, "pds-1", startMs));
    const after = withSighting(before, announcedBy(1, "urp-1"), later, limits);
    expect([after.state, after.firstMs, countsOf(before, after).announced]).toEqual(["waiting", later.nowMs, 1]);
    const again = withSighting(before, dispatchedAs(1, "a-2"), later, limits);
    expect([again.state, again.dispatchedAgain]).toEqual(["waiting", false]);
    // A receipt that comes late is still about the former one.
    expect(withSighting(before, placedBefore(1), later, limits)).toEqual(before);
  });

  test("is late if its receipt says so, even if nobody has judged it", () => {
    const product = withSighting(
      first(announcedBy(1, "urp-1")),
      placedAt(1, "pds-1", startMs + 120_001),
      {
        ...{ sinceMs: startMs, nowMs: startMs + 500_000 },
      },
      limits,
    );
    expect([product.state, product.placedMs]).toEqual(["late", startMs + 120_001]);
  });

  test.each([
    ["of when it can't have been sent, before", startMs - 9e9, startMs],
    ["of when it can't have been sent, after", startMs + 9e9, startMs + 5000],
    ["that is possible", startMs + 1000, startMs + 1000],
  ])("has a time %s", (_, closedMs, expected) => {
    const backlog = at(startMs + 5000, startMs);
    const product = withSighting(undefined, announcedBy(1, "urp-1", closedMs), backlog, limits);
    expect(product.announcedMs).toBe(expected);
    expect(product.closedMs).toBe(Math.abs(closedMs - startMs) > 1e9 ? undefined : closedMs);
  });
});
