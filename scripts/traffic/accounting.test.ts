import { describe, expect, test } from "vitest";
import { type AccountInput, account, isGood } from "./accounting.ts";
import { planProducts } from "./plan.ts";
import type { Arrival } from "./receivers.ts";
import { formatReport } from "./report.ts";
import { loadSamples } from "./samples.ts";

const plan = planProducts(
  { urps: ["urp-1", "urp-2"], count: 10, ratePerSecond: 10, seed: 5, firstObservation: new Date("2015-01-20T18:10Z") },
  await loadSamples(),
);
const receivers = ["pds-1", "pds-2"];
const copies = plan.products.flatMap((product) => product.copies);
/** The first URP wins every product but the last, receivers alternate, and each file takes 10 ms more than the previous one. */
const winners = plan.products.map(({ copies: both }, turn) => both[turn === 9 ? 1 : 0] ?? copies[0]);
const arrivals = winners.map((copy, turn): Arrival => {
  const { file = "", size = 0, sha256 = "" } = copy ?? {};
  return { pds: receivers[turn % 2] ?? "", file, size, sha256, ctimeMs: 1000 + (turn + 1) * 10 };
});
const good: AccountInput = {
  plan,
  receivers,
  arrivals,
  written: copies.map(({ urp, file }) => ({ urp, file, closedMs: 1000 })),
  tap: {
    announced: new Map(copies.map(({ urp, file }) => [file, [urp]])),
    dispatched: new Map(winners.map((copy) => [copy?.file ?? "", [copy?.urp ?? ""]])),
    tapGaps: 0,
  },
  seconds: { products: 1.26 },
};
const [first, second] = arrivals as [Arrival, Arrival, ...Arrival[]];
const report = (input: AccountInput): string =>
  formatReport({ ...account(input), count: plan.products.length, outcome: "complete", color: false });

describe("a run without faults", () => {
  test("is counted exactly, with the documented keys of --json", () => {
    expect(account(good).account).toEqual({
      announced: { "urp-1": 10, "urp-2": 10 },
      dispatched: 10,
      won: { "urp-1": 9, "urp-2": 1 },
      pulled: { "pds-1": 5, "pds-2": 5 },
      lost: 0,
      repeated: 0,
      wrongSize: 0,
      wrongContent: 0,
      latencyMs: { p50: 50, p99: 100, max: 100 },
      seconds: { products: 1.3 },
    });
    expect(isGood(account(good).account)).toBe(true);
  });

  test("is reported as an aligned table without findings", () => {
    expect(report(good)).toBe(`  announced            urp-1 10   urp-2 10
  dispatched           10 of 10
  first arrivals won   urp-1 9   urp-2 1
  pulled               pds-1 5   pds-2 5
  lost                 0
  repeated             0
  wrong size           0
  wrong content        0
  closed to received   p50 50 ms   p99 100 ms   max 100 ms
  took                 products 1.3 s
`);
  });
});

describe("a finding", () => {
  test("a product in no receiver folder is lost, and the report shows its last stage", () => {
    const name = plan.products[0]?.name ?? "";
    const without = { ...good, arrivals: arrivals.slice(1) };
    expect(account(without).account).toMatchObject({ lost: 1, repeated: 0 });
    expect(isGood(account(without).account)).toBe(false);
    expect(report(without)).toContain(`lost: ${name} (dispatched, not pulled`);
    const undispatched = new Map([...good.tap.dispatched].slice(1));
    expect(report({ ...without, tap: { ...good.tap, dispatched: undispatched } })).toContain(
      "announced, not dispatched",
    );
    expect(report({ ...without, tap: { announced: new Map(), dispatched: new Map(), tapGaps: 0 } })).toContain(
      "written, not announced",
    );
  });

  test("a product on two receivers, as the same file or as its twin, is repeated", () => {
    const again = { ...first, pds: "pds-2" };
    const twin = {
      ...first,
      file: plan.products[0]?.copies[1]?.file ?? "",
      size: plan.products[0]?.copies[1]?.size ?? 0,
    };
    expect(account({ ...good, arrivals: [...arrivals, again] }).account).toMatchObject({ repeated: 1, lost: 0 });
    expect(account({ ...good, arrivals: [...arrivals, twin] }).account).toMatchObject({ repeated: 1, lost: 0 });
    expect(report({ ...good, arrivals: [...arrivals, again] })).toContain("(pds-1, pds-2)");
  });

  test("a product dispatched twice to one receiver is repeated, even if the second file replaced the first", () => {
    const dispatched = new Map(good.tap.dispatched).set(first.file, ["urp-1", "urp-1"]);
    const twice = { ...good, tap: { ...good.tap, dispatched } };
    expect(account(twice).account).toMatchObject({ dispatched: 10, repeated: 1 });
    expect(report(twice)).toContain("dispatched 2 times");
  });

  test("a wrong size and wrong bytes of the right size are distinguished", () => {
    const changed = [{ ...first, size: first.size + 1 }, { ...second, sha256: "0".repeat(64) }, ...arrivals.slice(2)];
    expect(account({ ...good, arrivals: changed }).account).toMatchObject({ wrongSize: 1, wrongContent: 1, lost: 0 });
  });

  test("a receiver without products is shown, even if nothing is lost", () => {
    const all = { ...good, arrivals: arrivals.map((arrival) => ({ ...arrival, pds: "pds-1" })) };
    expect(account(all).details.idle).toEqual(["pds-2"]);
    expect(report(all)).toContain("got no product at all: pds-2");
  });

  test("at most five names of a kind are shown, with the number of others", () => {
    const text = report({ ...good, arrivals: [] });
    expect(text.match(/lost: /g)?.length).toBe(5);
    expect(text).toContain("… and 5 more");
  });
});

describe("a broker that was down during the count", () => {
  const tap = { announced: new Map<string, string[]>(), dispatched: new Map<string, string[]>(), tapGaps: 1 };

  test("leaves pulled files as proof of announcement, dispatch and the winning URP", () => {
    expect(account({ ...good, tap }).account).toMatchObject({
      announced: { "urp-1": 9, "urp-2": 1 },
      dispatched: 10,
      won: { "urp-1": 9, "urp-2": 1 },
      lost: 0,
    });
  });

  test("is mentioned below the table", () => {
    expect(report({ ...good, tap })).toContain("the broker was away once while counting");
  });
});
