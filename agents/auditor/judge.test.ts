import { describe, expect, test } from "vitest";
import { announcedBy, dispatchedAs, startMs } from "./fixture.ts";
import { Gaps } from "./gaps.ts";
import { Hearing } from "./hearing.ts";
import { judged } from "./judge.ts";
import { type Product, withSighting } from "./product.ts";

const limits = { overdueMs: 120_000, windowMs: 7_200_000 };
const at = { sinceMs: startMs, nowMs: startMs };
const announced = withSighting(undefined, announcedBy(1, "urp-1"), at, limits);
const dispatched = withSighting(announced, dispatchedAs(1, "a-1"), at, limits);
const gap = (from: number, to: number) => new Gaps([{ fromMs: startMs + from, toMs: startMs + to, why: "test" }]);

describe("a product whose time is up", () => {
  test.each<[string, Product, Gaps, string]>([
    ["without a gap", announced, new Gaps(), "overdue"],
    ["with a gap after its time", announced, gap(120_001, 130_000), "overdue"],
    ["with a gap at the end of its time", dispatched, gap(120_000, 130_000), "unknown"],
    ["with a gap when it was announced", dispatched, gap(-5, 0), "unknown"],
    ["with a gap before, if it was dispatched since", dispatched, gap(-10_000, -1), "overdue"],
    ["with a gap before, if it may be the twin of one that was placed", announced, gap(-10_000, -1), "unknown"],
    ["with a gap longer ago than a twin can come", announced, gap(-9_000_000, -7_200_001), "overdue"],
  ])("%s", (_, product, gaps, state) => {
    expect(judged(product, gaps, limits)).toMatchObject({ state, unsure: state === "unknown" });
  });
});

describe("gaps", () => {
  test("that touch are one, and each second counts once", () => {
    const gaps = new Gaps();
    expect([gaps.add({ fromMs: 10, toMs: 20, why: "a" }), gaps.add({ fromMs: 40, toMs: 50, why: "b" })]).toEqual([
      10, 10,
    ]);
    expect(gaps.add({ fromMs: 15, toMs: 40, why: "c" })).toBe(20);
    expect(gaps.all).toEqual([{ fromMs: 10, toMs: 50, why: "c" }]);
  });

  test("without a beginning have no length, and those in the past are forgotten", () => {
    const gaps = new Gaps();
    expect(gaps.add({ fromMs: 0, toMs: 100, why: "new" })).toBe(0);
    expect([gaps.meets(50, 60), gaps.meets(101, 102)]).toEqual([true, false]);
    gaps.forgetBefore(101);
    expect(gaps.all).toEqual([]);
  });

  test("are few, however many there were", () => {
    const gaps = new Gaps(
      Array.from({ length: 150 }, (_, at) => ({ fromMs: at * 10 + 1, toMs: at * 10 + 2, why: "" })),
    );
    expect(gaps.all.length).toBeLessThanOrEqual(100);
    expect(gaps.meets(1491, 1491)).toBe(true);
  });
});

describe("what has been heard", () => {
  test("is what was published before the last check but one, if both found nothing waiting", () => {
    const hearing = new Hearing(2000, 0);
    for (const [atMs, messages, heardMs] of [
      ...[
        [1000, 0, 0],
        [3000, 0, 1000],
        [5000, 7, 1000],
        [7000, 0, 1000],
        [9000, 0, 7000],
      ],
    ] as const) {
      hearing.checked(atMs, messages);
      expect(hearing.heardMs, `check at ${atMs}`).toBe(heardMs);
    }
    hearing.lost();
    hearing.checked(11_000, 0);
    expect(hearing.heardMs).toBe(7000);
  });

  test("a message is as old as the backlog may be; without a backlog it is new", () => {
    const hearing = new Hearing(2000, 500);
    expect(hearing.sentBetween(9000)).toEqual({ sinceMs: 500, nowMs: 9000 });
    hearing.checked(9000, 0);
    expect(hearing.sentBetween(9100)).toEqual({ sinceMs: 9100, nowMs: 9100 });
    // Checks have stopped: the connection may hang.
    expect(hearing.sentBetween(20_000)).toEqual({ sinceMs: 500, nowMs: 20_000 });
  });
});
