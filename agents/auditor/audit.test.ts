import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { Audit } from "./audit.ts";
import { announcedBy, Bench, dispatchedAs, keyOf, placedAt, placedBefore, startMs, unmarked } from "./fixture.ts";

let bench: Bench;
afterEach(() => bench.end());

/** A bench whose audit began long ago. */
function arrange(options: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  bench = new Bench(options);
  bench.settle();
  return bench;
}

const pathOf = (product: number) => [announcedBy(product, "urp-1"), dispatchedAs(product, `d-${product}`)] as const;
const all = (product: number) => [...pathOf(product), placedAt(product, "pds-1", startMs + product)] as const;

test("a product is announced, dispatched and placed, and acked once that is committed", () => {
  const { audit } = arrange();
  bench.take(...all(1));
  expect([bench.acked, bench.counts.announced]).toEqual([0, 0]);
  audit.commit();
  expect([bench.acked, bench.counts]).toEqual([
    3,
    {
      ...{ announced: 1, dispatched: 1, placed: 1, overdue: 0, latePlaced: 0 },
      ...{ dispatchedAgain: 0, repeated: 0, unknown: 0, waiting: 0, overdueNow: 0 },
    },
  ]);
});

test("one that is not placed in time is overdue, and late when it is placed; after a restart too", () => {
  arrange();
  bench.take(...pathOf(1));
  bench.pass(118);
  bench.restart();
  expect(bench.counts).toMatchObject({ waiting: 1, overdue: 0 });
  bench.pass(12);
  expect(bench.counts).toMatchObject({ waiting: 0, overdue: 1, overdueNow: 1, unknown: 0 });
  expect(bench.audit.overdue(5).map(({ key }) => key)).toEqual([keyOf(1)]);
  bench.restart();
  bench.take(placedAt(1, "pds-1", bench.nowMs));
  bench.pass(2);
  expect(bench.counts).toMatchObject({ overdue: 1, overdueNow: 0, latePlaced: 1, placed: 1 });
});

test("while messages wait in the queue, nothing is overdue: the receipt may be among them", () => {
  arrange();
  bench.take(...pathOf(1));
  bench.pass(600, 50);
  expect(bench.counts).toMatchObject({ waiting: 1, overdue: 0 });
  bench.take(placedAt(1, "pds-1", bench.nowMs - 590_000));
  bench.pass(10);
  expect(bench.counts).toMatchObject({ waiting: 0, overdue: 0, placed: 1 });
});

test("what a process took and did not commit is delivered again, and counts once", () => {
  arrange();
  bench.take(...all(1), placedBefore(1));
  bench.restart();
  bench.take(...all(1));
  bench.audit.commit();
  bench.restart();
  bench.take(...all(1), placedBefore(1));
  bench.audit.commit();
  expect(bench.counts).toMatchObject({
    announced: 1,
    dispatched: 1,
    placed: 1,
    dispatchedAgain: 0,
    repeated: 0,
    unknown: 0,
  });
});

test("any sightings in any batches, with restarts between them, count as in one batch", () => {
  bench = new Bench();
  const sighting = fc
    .nat(5)
    .chain((product) =>
      fc.constantFrom(
        ...[...all(product), announcedBy(product, "urp-2"), dispatchedAs(product, "x"), placedBefore(product)],
        ...[placedAt(product, "pds-2", 1), unmarked(product, "u-1"), unmarked(product, "u-2")],
      ),
    );
  const step = fc.oneof(
    { weight: 8, arbitrary: sighting },
    { weight: 1, arbitrary: fc.constantFrom("commit", "restart") },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [parts, once] = [new Bench(), new Bench()];
      let unacked: (typeof steps)[number][] = [];
      for (const one of steps) {
        if (one === "commit") {
          parts.audit.commit();
          unacked = [];
        } else if (one === "restart") {
          parts.restart();
          for (const again of unacked) if (typeof again === "object") parts.take(again);
        } else if (typeof one === "object") {
          parts.take(one);
          once.take(one);
          unacked.push(one);
        }
      }
      parts.audit.commit();
      once.audit.commit();
      expect(parts.counts).toEqual(once.counts);
      parts.end();
      once.end();
    }),
    { numRuns: 20 },
  );
});

describe("a product without a receipt is unknown, not overdue,", () => {
  test.each<[string, (audit: Audit) => void]>([
    ["if the queue was full", (audit) => audit.gapSinceHeard("its queue was full")],
    ["if the queue was missing", (audit) => audit.gapSinceHeard("its queue was missing")],
    ["if the clock was set back", (audit) => audit.clockSet(bench.nowMs + 50_000, bench.nowMs)],
    ["if the clock was set forward", (audit) => audit.clockSet(bench.nowMs - 50_000, bench.nowMs)],
  ])("%s", (_, blind) => {
    const { audit } = arrange();
    bench.take(...pathOf(1));
    bench.pass(10);
    blind(audit);
    bench.pass(200);
    bench.restart();
    bench.take(...pathOf(2));
    bench.pass(200);
    // The next product is no longer affected.
    expect(bench.counts).toMatchObject({ announced: 2, unknown: 1, overdue: 1, waiting: 0 });
    expect(bench.audit.memory.gapMs).toBeGreaterThan(0);
  });

  test("if the clock was set back while the process was away", () => {
    arrange();
    bench.take(...pathOf(1));
    bench.pass(10);
    bench.nowMs -= 60_000;
    bench.restart();
    bench.pass(300);
    expect(bench.counts).toMatchObject({ unknown: 1, overdue: 0 });
  });

  test("if it may be the twin of a product that was placed before the store was new", () => {
    bench = new Bench();
    bench.pass(10);
    bench.take(announcedBy(1, "urp-2"), ...pathOf(2));
    bench.pass(200);
    expect(bench.counts).toMatchObject({ announced: 2, unknown: 1, overdue: 1 });
  });

  test("if it is deleted, because there are too many, while it waits", () => {
    arrange({ productsMax: 1000 });
    for (let product = 0; product < 1500; product++) bench.take(...pathOf(product));
    bench.pass(10);
    expect(bench.counts).toMatchObject({ announced: 1500, waiting: 1000, unknown: 500 });
    bench.audit.commit();
    expect(bench.audit.products).toBe(1000);
  });
});

test("a store that breaks is set aside, and what was known is a gap", () => {
  arrange();
  bench.take(...pathOf(1));
  bench.pass(10);
  bench.audit.close();
  writeFileSync(bench.path, "x".repeat(100_000));
  bench.audit = bench.opened();
  expect(bench.audit.lastGap).toMatchObject({ fromMs: 0, toMs: bench.nowMs });
  bench.pass(2);
  bench.take(announcedBy(1, "urp-2"), ...pathOf(2));
  bench.pass(200);
  expect(bench.counts).toMatchObject({ announced: 2, unknown: 1, overdue: 1 });
});

test("times are measured once for each product, from the marks of radar server and puller", () => {
  arrange();
  const closedMs = bench.nowMs - 700;
  bench.take(announcedBy(1, "urp-1", closedMs), dispatchedAs(1, "a"));
  bench.pass(2);
  bench.take(placedAt(1, "pds-1", closedMs + 900), placedBefore(1));
  bench.pass(2);
  expect(bench.took).toEqual([{ announcedToPlacedMs: 2000, closedToPlacedMs: 900 }]);
});

test("a dead letter counts by whether it is a product's, once", () => {
  arrange();
  const letter = { kind: "dead-letter", id: "d-1", key: keyOf(1), reason: "404" } as const;
  bench.take(letter, { ...letter, id: "d-2", key: undefined }, letter);
  bench.audit.commit();
  bench.take(letter);
  bench.audit.commit();
  expect(bench.audit.memory).toMatchObject({ deadProducts: 1, deadGarbage: 1 });
});
