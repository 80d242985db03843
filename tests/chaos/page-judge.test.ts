import { describe, expect, it } from "vitest";
import { emptyView, flowView } from "../../agents/monitor/flow-view.ts";
import type { Figures } from "../../agents/monitor/queries.ts";
import { alert, healthy, mapOf, type Scenario } from "../page/scenarios.ts";
import {
  type JudgedRound,
  judgeRound,
  Lasting,
  listedAlerts,
  type Observation,
  type ShownPage,
  shownPage,
} from "./page-judge.ts";

// The pages are made by the monitor's own core. A page is seeded as wrong by what the system is said to do at that time.

const startMs = Date.parse("2026-12-01T12:00:00Z");
const well = healthy({ nowMs: startMs });

const but = (figures: Figures, alerts: readonly object[] = []): Scenario => ({
  ...{ figures: { ...well.figures, ...figures }, alerts: [...well.alerts, ...alerts], silences: [] },
});
const by = (values: Readonly<Record<string, number>>) =>
  Object.entries(values).map(([host, value]) => ({ labels: { host }, value }));
const brokerDown = (host: string, alerts: readonly object[] = []): Scenario =>
  but(
    {
      up: (well.figures.up ?? []).map((one) =>
        one.labels.host === host && one.labels.job === "rabbitmq" ? { ...one, value: 0 } : one,
      ),
    },
    alerts,
  );
const down = brokerDown("bunny1");
const blind = but({ knows: [{ labels: {}, value: 0 }] });
const targetDown = alert({ name: "TargetDown", severity: "ticket", summary: "bunny1 does not answer" }, startMs);
const silenced = alert(
  { name: "TargetDown", severity: "ticket", summary: "bunny1 does not answer", silencedBy: ["7d3e"] },
  startMs,
);

/** What is seen at a second. @param listed what Alertmanager lists, if not what the page shows */
function at(second: number, scenario: Scenario, { ageMs = 2000, listed = scenario.alerts } = {}): Observation {
  const { view } = views.get(scenario) ?? viewOf(scenario);
  return {
    atMs: startMs + second * 1000,
    page: { value: { view, ageMs } },
    alerts: { value: listedAlerts.parse(listed) },
  };
}

const views = new Map<Scenario, ShownPage>();
function viewOf(scenario: Scenario): ShownPage {
  const answers = { figures: { value: scenario.figures }, alerts: { value: scenario.alerts }, nowMs: startMs };
  const view = flowView(mapOf(), emptyView(mapOf()), answers);
  const shown = shownPage.parse(JSON.parse(JSON.stringify({ view, ageMs: 0, sequence: 1 })));
  views.set(scenario, shown);
  return shown;
}

const silent = (second: number): Observation => ({ ...at(second, well), page: { fault: "no answer within 5 s" } });

/** One observation a second, from two seconds before the fault: each of the given ones until the next. */
function series(untilSecond: number, ...given: readonly (readonly [second: number, make: typeof silent])[]) {
  return Array.from({ length: untilSecond + 3 }, (_, index) => {
    const second = index - 2;
    return (given.findLast(([from]) => from <= second)?.[1] ?? ((one: number) => at(one, well)))(second);
  });
}
const page =
  (scenario: Scenario, more: Parameters<typeof at>[2] = {}) =>
  (second: number) =>
    at(second, scenario, more);

/** The faulty box, and a verdict that does not know of it. */
function content(second: number): Observation {
  const { nodes } = viewOf(down).view;
  return { ...at(second, well), page: { value: { view: { ...viewOf(well).view, nodes }, ageMs: 0 } } };
}

/** Of bunny1, the holder of the address: struck at 0 s, healed at 20 s, recovered at 30 s. */
const round: JudgedRound = {
  ...{ onPage: "member", hosts: ["bunny1"], cluster: "bunny" },
  ...{ faultMs: startMs, healMs: startMs + 20_000, recoveredMs: startMs + 30_000 },
};
const judge = (seen: readonly Observation[], more: Partial<JudgedRound> = {}) =>
  judgeRound(seen, { ...round, ...more });

describe("a right page", () => {
  it("shows the fault at the host's box, and then that all is healthy again", () => {
    const seen = series(50, [7, page(down)], [34, page(well)]);
    expect(judge(seen)).toEqual({ times: { shownMs: 7000, rightMs: 4000 }, wrong: [] });
  });

  it("may name an alert that still fires", () => {
    const firing = but({}, [targetDown]);
    const seen = series(50, [7, page(down)], [31, page(firing)]);
    expect(judge(seen)).toEqual({ times: { shownMs: 7000, rightMs: 1000 }, wrong: [] });
  });

  it("may show dead letters until a person empties the queue", () => {
    const depth = (well.figures.depth ?? []).map((one) =>
      one.labels.queue === "cmc.urp.dead" ? { ...one, value: 2 } : one,
    );
    const deadLetters = alert({ name: "DeadLetters", severity: "ticket", summary: "Messages are dead" }, startMs);
    expect(judge(series(50, [3, page(down)], [31, page(but({ depth }, [deadLetters]))])).wrong).toEqual([]);
  });

  it("shows two holders at the cluster's box, and the new holder after a move by hand", () => {
    const two = but({ holders: by({ bunny1: 1, bunny2: 1 }) });
    const moved = but({ holders: by({ bunny2: 1 }) });
    expect(judge(series(50, [9, page(two)], [31, page(well)]), { onPage: "cluster" }).times.shownMs).toBe(9000);
    expect(judge(series(50, [4, page(moved)], [31, page(well)]), { onPage: "moved" }).times.shownMs).toBe(4000);
  });
});

it.each<readonly [string, Observation[], Partial<JudgedRound>, string]>([
  ["never shows the fault", series(50), {}, "did not show it within 15 s: member:bunny1 is ok"],
  ["shows it late", series(50, [16, page(down)], [31, page(well)]), {}, "did not show it"],
  ["showed it before it was there", series(50, [-2, page(down)], [0, page(well)]), {}, "member:bunny1 is ok"],
  ["is content with a faulty box", series(50, [5, content], [31, page(well)]), {}, "its verdict is ok: All products"],
  [
    "shows it at another host",
    series(50, [5, page(brokerDown("bunny2"))], [31, page(well)]),
    {},
    "did not show it within 15 s: member:bunny1 is ok",
  ],
  [
    "shows only one of two struck hosts",
    series(50, [5, page(down)], [31, page(well)]),
    { hosts: ["bunny1", "bunny2"] },
    "did not show it within 15 s: member:bunny2 is ok",
  ],
  [
    "shows it while it is too old",
    series(50, [5, page(down, { ageMs: 16_000 })], [31, page(well)]),
    {},
    "did not show it within 15 s: it is 16.0 s old",
  ],
  [
    "does not answer",
    series(50, [1, silent], [31, page(well)]),
    {},
    "did not show it within 15 s: it does not answer: no answer within 5 s",
  ],
  [
    "still has the address on the host that lost it",
    series(50),
    { onPage: "moved" },
    "did not show it within 15 s: cluster:bunny shows 10.203.0.50, on bunny1",
  ],
  [
    "does not see two holders",
    series(50, [5, page(down)], [31, page(well)]),
    { onPage: "cluster" },
    "it within 15 s: cluster:bunny is ok",
  ],
  ["keeps the fault", series(50, [5, page(down)]), {}, "not right again within 15 s: member:bunny1 broker down"],
  [
    "shows another box as faulty",
    series(50, [5, page(down)], [31, page(but({ disk: by({ "pds-4": 0.01 }) }))]),
    {},
    "not right again within 15 s: puller:pds-4 disk full",
  ],
  [
    "forgets a box",
    series(50, [5, page(down)], [31, page(but({ up: [] }))]),
    {},
    "not right again within 15 s: member:bunny1 no data",
  ],
  [
    "keeps a bad verdict",
    series(50, [5, page(down)], [31, page(blind)]),
    {},
    "not right again within 15 s: its verdict is warn: Products arrive, but the auditor can't see whether all do.",
  ],
  [
    "names something else than the alert that fires",
    series(50, [5, page(down)], [31, page(blind, { listed: [targetDown] })]),
    {},
    "not right again within 15 s: its verdict is warn: Products arrive, but",
  ],
  [
    "names an alert that fires no longer",
    series(50, [5, page(down)], [31, page(but({}, [targetDown]), { listed: [] })]),
    {},
    "not right again within 15 s: its verdict is warn: Bunny1 does not answer.",
  ],
  [
    "names a silenced alert",
    series(50, [5, page(down)], [31, page(but({}, [targetDown]), { listed: [silenced] })]),
    {},
    "not right again within 15 s: its verdict is warn: Bunny1 does not answer.",
  ],
])("finds a page that %s", (_, seen, more, problem) => {
  const { wrong } = judge(seen, more);
  expect(wrong).toHaveLength(1);
  expect(wrong[0]).toContain(problem);
});

describe("nothing is required", () => {
  it.each<readonly [string, Observation[], Partial<JudgedRound>]>([
    ["of a fault that can't be seen", series(50), { onPage: { nothing: "too short" } }],
    ["of a fault that was healed early", series(50), { healMs: startMs + 9000 }],
    ["after a run that was broken off", series(40, [5, page(down)]), {}],
    ["after a fault from which the system has not recovered", series(90, [5, page(down)]), { missing: "no quorum" }],
  ])("%s", (_, seen, more) => {
    expect(judge(seen, more).wrong).toEqual([]);
  });
});

describe("at all times", () => {
  const problemsOf = (seen: readonly Observation[]) => {
    const lasting = new Lasting();
    return seen.flatMap((one) => lasting.see(one).map((text) => [(one.atMs - startMs) / 1000, text]));
  };
  const id = (targetDown as { fingerprint: string }).fingerprint;

  it("the page has Alertmanager's alerts, and may be late by less than 15 s", () => {
    const firing = but({}, [targetDown]);
    const seen = series(40, [3, page(well, { listed: [targetDown] })], [17, page(firing)], [30, page(well)]);
    expect(problemsOf(seen)).toEqual([]);
  });

  it("many short differences are no long one", () => {
    const others = Array.from({ length: 8 }, (_, index) =>
      alert({ name: `Alert${index}`, severity: "page", summary: "wrong" }, startMs),
    );
    const seen = series(60, ...others.map((one, index) => [index * 5, page(well, { listed: [one] })] as const));
    expect(problemsOf(seen.slice(0, 42))).toEqual([]);
  });

  it.each<readonly [string, (second: number) => Observation, string]>([
    ["misses an alert", page(well, { listed: [targetDown] }), `does not show alert TargetDown (${id}), which`],
    ["keeps an alert", page(but({}, [targetDown]), { listed: [] }), `shows alert TargetDown (${id}), which`],
    [
      "shows a silenced alert as active",
      page(but({}, [targetDown]), { listed: [silenced] }),
      `does not show alert TargetDown (${id}, silenced), which`,
    ],
    ["does not answer", silent, "the page does not answer: no answer within 5 s"],
  ])("finds once a page that %s, and again when it does so again", (_, wrong, text) => {
    const found = problemsOf(series(60, [3, wrong], [25, page(well)], [30, wrong]));
    expect(found.filter(([, problem]) => String(problem).includes(text))).toEqual([
      [18, expect.stringMatching(/^12:00:03: /)],
      [45, expect.stringMatching(/^12:00:30: /)],
    ]);
  });

  it("finds a page that is older than what a browser shows as current, at once", () => {
    const seen = series(40, [3, page(well, { ageMs: 15_000 })], [4, page(well, { ageMs: 15_400 })]);
    expect(problemsOf(seen)).toEqual([[4, "12:00:04: the page is 15.4 s old"]]);
  });

  it("alerts that nobody is notified of are not on the page", () => {
    expect(listedAlerts.parse(well.alerts)).toEqual([]);
  });
});
