import { describe, expect, test } from "vitest";
import {
  type AuditHistory,
  type AuditHour,
  type Incident,
  latencyBoundsSeconds,
  type PublicHour,
  publicBoundsSeconds,
} from "../../../agents/lib/audit-history.ts";
import { formatMarkdown } from "./markdown.ts";
import { readMonth, reportOf } from "./month.ts";
import { formatPage } from "./page.ts";
import { shareText } from "./words.ts";

const november = readMonth("2026-11", Date.UTC(2026, 11, 1, 12));
const hourMs = 3_600_000;

/** @param latency products by class */
function hour(at: number, own: Partial<AuditHour> = {}, latency: Readonly<Record<number, number>> = {}): AuditHour {
  const counts = [...latencyBoundsSeconds, "more"].map((_, index) => latency[index] ?? 0);
  const none = { announced: 0, dispatched: 0, placed: 0, overdue: 0, placedLate: 0, repeated: 0, unknown: 0 };
  return { startMs: november.fromMs + at * hourMs, ...none, deadLetters: 0, gapSeconds: 0, ...own, latency: counts };
}

const history = (hours: AuditHour[], incidents: Incident[] = [], publicHours: PublicHour[] = []): AuditHistory => ({
  version: 1,
  hours,
  incidents,
  publicHours,
});

/** @param delivered products by class @param announced as many, all in the first class */
function publicHour(
  at: number,
  delivered: Readonly<Record<number, number>>,
  { minutes = 60, announced = Object.values(delivered).reduce((total, products) => total + products, 0) } = {},
): PublicHour {
  const classes = (by: Readonly<Record<number, number>>) =>
    [...publicBoundsSeconds, 0].map((_, index) => by[index] ?? 0);
  const startMs = november.fromMs + at * hourMs;
  return { startMs, minutes, delivered: classes(delivered), announced: classes({ 0: announced }) };
}

const reportFor = (histories: readonly AuditHistory[], isPublic = false) =>
  reportOf("op", november, histories, isPublic);

const alert = (own: Partial<Incident>): Incident => ({
  ...{ alert: "ProductLost", severity: "page", about: "", summary: "a product is overdue" },
  ...{ beganMs: november.fromMs, notifiedMs: november.fromMs + 10_000, endedMs: november.fromMs + 130_000 },
  ...own,
});

test("a month is read in UTC, and ends now if it is the current one", () => {
  expect(november).toEqual({ name: "2026-11", fromMs: Date.UTC(2026, 10), toMs: Date.UTC(2026, 11) });
  const now = Date.UTC(2026, 11, 1, 12);
  expect(readMonth(undefined, now)).toEqual({ name: "2026-12", fromMs: Date.UTC(2026, 11), toMs: now });
  for (const wrong of ["2026-13", "november", "2026-1", "0000-00"]) {
    expect(() => readMonth(wrong, now)).toThrow(/is no month/);
  }
  expect(() => readMonth("2027-01", now)).toThrow(/has not begun/);
});

test("availability leaves out products about which the auditor can't know, and a lost product never reads as 100 %", () => {
  const { availability, announced, overdue } = reportFor([
    history([hour(0, { announced: 1_000_010, placed: 999_999, overdue: 1, unknown: 10 })]),
  ]);
  expect({ availability, announced, overdue }).toEqual({
    availability: 999_999 / 1_000_000,
    announced: 1_000_010,
    overdue: 1,
  });
  expect(shareText(availability)).toBe("99.999 %");
});

test("percentiles and budgets come from the classes of latency", () => {
  // 985 within 0.1 s, 10 within 2.5 s, 5 slower than 120 s.
  const { latencySeconds, budgets } = reportFor([history([hour(0, { announced: 1000 }, { 0: 985, 4: 10, 10: 5 })])]);
  expect(latencySeconds).toEqual({ p50: 0.1, p95: 0.1, p99: 2.5 });
  expect(budgets).toEqual([
    { withinSeconds: 1, products: 1000, slow: 15, allowed: 10, usedShare: 1.5 },
    { withinSeconds: 10, products: 1000, slow: 5, allowed: 1, usedShare: 5 },
  ]);
});

test("of each hour, the record with the shorter gap counts", () => {
  const one = history([hour(0, { announced: 5, gapSeconds: 100 }), hour(1, { announced: 7 })]);
  const other = history([hour(0, { announced: 9 }), hour(1, { announced: 6 }), hour(2, { announced: 1 })]);
  const { announced, hoursKnown, gapSeconds } = reportFor([one, other]);
  expect({ announced, hoursKnown, gapSeconds }).toEqual({ announced: 17, hoursKnown: 3, gapSeconds: 0 });
});

test("an alert that both monitors reported is one incident, by the earlier notification", () => {
  const later = alert({ notifiedMs: november.fromMs + 12_000 });
  const again = alert({
    beganMs: november.fromMs + hourMs,
    notifiedMs: november.fromMs + hourMs + 5000,
    endedMs: undefined,
  });
  const before = alert({
    beganMs: november.fromMs - hourMs,
    notifiedMs: november.fromMs - hourMs,
    endedMs: november.fromMs - 1,
  });
  const { incidents } = reportFor([history([], [alert({}), again, before]), history([], [later])]);
  expect(incidents.map(({ noticeSeconds, repairSeconds }) => ({ noticeSeconds, repairSeconds }))).toEqual([
    { noticeSeconds: 10, repairSeconds: 120 },
    { noticeSeconds: 5, repairSeconds: undefined },
  ]);
});

test("a month without a record says so instead of claiming health", () => {
  expect(formatMarkdown(reportFor([history([])]))).toContain("No auditor has a record of this month.");
});

test("the report in Markdown", () => {
  const report = reportFor([
    history(
      [
        hour(
          3,
          { announced: 12_000, dispatched: 12_000, placed: 11_999, overdue: 1, placedLate: 1 },
          { 1: 11_990, 5: 10 },
        ),
        hour(30, { announced: 10, dispatched: 10, placed: 8, unknown: 2, gapSeconds: 700 }, { 0: 8 }),
      ],
      [alert({ about: "a|b\nc" })],
    ),
  ]);
  expect(formatMarkdown(report)).toMatchInlineSnapshot(`
    "# op, 2026-11

    Of 12,010 products: 1 overdue. The auditor can't know about 2.

    |  |  |
    | --- | --- |
    | Products announced | 12,010 |
    | Placed in time | 99.991 % |
    | Overdue | 1, 1 of them placed later |
    | Placed twice | 0 |
    | Dead letters | 0 |
    | Unknown | 2 |
    | Time to place, median | at most 0.25 s |
    | Time to place, 95 % | at most 0.25 s |
    | Time to place, 99 % | at most 0.25 s |
    | Error budget, 1 s | 10 of 12,008 slower; 8 % of the 120.1 allowed |
    | Error budget, 10 s | 0 of 12,008 slower; 0 % of the 12 allowed |
    | Record | 2 of 720 hours, with gaps of 12 min |

    ## Incidents

    | Began | Alert | Severity | About | Noticed after | Repaired after |
    | --- | --- | --- | --- | --- | --- |
    | 2026-11-01 00:00 | ProductLost | page | a\\|b\\nc | 10 s | 2 min |

    ## Days

    | Day | Announced | Placed | Overdue | Twice | Unknown |
    | --- | --- | --- | --- | --- | --- |
    | 2026-11-01 | 12,000 | 11,999 | 1 | 0 | 0 |
    | 2026-11-02 | 10 | 8 | 0 | 0 | 2 |
    "
  `);
});

test("the page needs nothing from elsewhere, and shows foreign text as text", () => {
  const page = formatPage(
    reportFor([
      history([hour(0, { announced: 10, placed: 9, overdue: 1 })], [alert({ about: "<script>alert(1)</script>" })]),
    ]),
  );
  expect(page).not.toMatch(/<script|https?:\/\/|src=/);
  expect(page).toContain("&lt;script&gt;");
  expect(page).toContain("2026-11-01: 10 announced, 1 not placed in time or unknown");
});

describe("the public path", () => {
  const both = [
    // 970 within 0.25 s, 20 within 5 s, 10 slower than 5 minutes.
    history([], [], [publicHour(0, { 1: 970, 5: 20, 10: 10 }), publicHour(1, { 0: 1 }, { minutes: 50 })]),
    history([], [], [publicHour(1, { 0: 100 }), publicHour(30, { 0: 1, 6: 9 }, { minutes: 58, announced: 9 })]),
  ];

  test("of each hour, the record with more minutes counts", () => {
    const { delivered, announced, slow, hoursKnown, gapSeconds } = reportFor(both, true).public ?? {};
    expect({ delivered, announced, slow, hoursKnown, gapSeconds }).toEqual({
      ...{ delivered: 1110, announced: 1109, slow: 19, hoursKnown: 3, gapSeconds: 120 },
    });
    expect(reportFor(both.toReversed(), true)).toEqual(reportFor(both, true));
  });

  test("in Markdown", () => {
    const text = formatMarkdown(reportFor(both, true));
    expect(text).toContain("On the public path, more than allowed took more than 5 s to be delivered.");
    expect(text.slice(text.indexOf("## Public"))).toMatchInlineSnapshot(`
      "## Public data servers

      |  |  |
      | --- | --- |
      | Products delivered | 1,110 |
      | Announced to clients | 1,109 |
      | Time to deliver, median | at most 0.25 s |
      | Time to deliver, 95 % | at most 0.25 s |
      | Time to deliver, 99 % | at most 10 s |
      | Time from there to announce, median | at most 0.1 s |
      | Time from there to announce, 95 % | at most 0.1 s |
      | Time from there to announce, 99 % | at most 0.1 s |
      | Error budget, 5 s to deliver | 19 of 1,110 slower; 171 % of the 11.1 allowed |
      | Record | 3 of 720 hours, with gaps of 2 min |

      | Day | Delivered | Announced | Slow | Hours known |
      | --- | --- | --- | --- | --- |
      | 2026-11-01 | 1,100 | 1,100 | 10 | 2 |
      | 2026-11-02 | 10 | 9 | 9 | 1 |
      "
    `);
  });

  test("without any figures it is unknown, not healthy", () => {
    const text = formatMarkdown(reportFor([history([])], true));
    expect(text.slice(text.indexOf("## Public"))).toMatchInlineSnapshot(`
      "## Public data servers

      |  |  |
      | --- | --- |
      | Products delivered | unknown |
      | Announced to clients | unknown |
      | Time to deliver, median | unknown |
      | Time to deliver, 95 % | unknown |
      | Time to deliver, 99 % | unknown |
      | Time from there to announce, median | unknown |
      | Time from there to announce, 95 % | unknown |
      | Time from there to announce, 99 % | unknown |
      | Error budget, 5 s to deliver | unknown |
      | Record | 0 of 720 hours |
      "
    `);
  });

  test("without px's senders there is nothing of it, anywhere", () => {
    const report = reportFor(both);
    expect(JSON.parse(JSON.stringify(report))).not.toHaveProperty("public");
    expect(formatMarkdown(report) + formatPage(report)).not.toMatch(/public data/i);
  });

  test("on the page", () => {
    expect(formatPage(reportFor(both, true)).replaceAll(/\s+/g, " ")).toContain(
      '<h2>Public data servers</h2> <div class="wide"><table> <tr><th scope="row">Products delivered</th><td>1,110</td></tr>',
    );
  });
});
