import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressOnTheMove, deadRadarServer, healthy, mapOf, type Scenario } from "../../tests/page/scenarios.ts";
import { type Answers, emptyView, flowView } from "./flow-view.ts";
import { mapShape } from "./map-shape.ts";
import type { Figures } from "./queries.ts";

const map = mapOf();
const nowMs = Date.parse("2026-12-01T12:00:00Z");

const answersOf = ({ figures, alerts, silences }: Scenario, change: Partial<Answers> = {}): Answers => ({
  ...{ figures: { value: figures }, alerts: { value: alerts }, silences: { value: silences }, nowMs },
  ...change,
});
const viewOf = (scenario: Scenario, change?: Partial<Answers>) =>
  flowView(map, emptyView(map), answersOf(scenario, change));
const plain = (text: string) => text.replaceAll("\u00a0", " ");

/** The healthy flow with some figures replaced. */
const but = (figures: Figures): Scenario => {
  const scenario = healthy({ nowMs });
  return { ...scenario, figures: { ...scenario.figures, ...figures } };
};

describe("the verdict", () => {
  const one = (value: number) => [{ labels: {}, value }];
  test.each<readonly [string, Scenario, string, string]>([
    ["a healthy flow", healthy({ nowMs }), "ok", "All products arrive. 0 lost, p99 0.24 s, last 2 s ago."],
    ["an overdue product", but({ overdue: one(1) }), "bad", "1 product is overdue. 1 lost, p99 0.24 s, last 2 s ago."],
    [
      "an auditor with a gap",
      but({ knows: one(0) }),
      "warn",
      "Products arrive, but the auditor can't see whether all do. Losses unknown, p99 0.24 s, last 2 s ago.",
    ],
    [
      "no auditor",
      but({ overdue: [], knows: [], lastAnnounced: [] }),
      "ok",
      "Products arrive. Losses are not counted, p99 0.24 s, last 2 s ago.",
    ],
    [
      "announced and not placed",
      but({ pulled: [] }),
      "bad",
      "Products are announced, but none are placed. 0 lost, p99 0.24 s, last 2 s ago.",
    ],
    [
      "nothing on the way",
      but({ pulled: [], announced: [], p99: one(Number.NaN) }),
      "ok",
      "No products are on the way. 0 lost, last 2 s ago.",
    ],
    ["a page", addressOnTheMove(nowMs), "bad", "No host has 10.203.0.50, the address of bunny."],
  ])("of %s", (_, scenario, state, text) => {
    const { verdict } = viewOf(scenario);
    expect({ state: verdict.state, text: plain(verdict.text) }).toEqual({ state, text });
  });

  test("leaves silenced alerts out, and has the runbook of the worst", () => {
    const view = viewOf(deadRadarServer(nowMs));
    expect(view.verdict).toMatchObject({ runbook: "docs/alerts.md#sourcesilent", step: "products-are-announced" });
    expect(Object.keys(view.alerts)).toHaveLength(2);
    expect(Object.values(view.silences)).toMatchObject([{ matchers: "host=urp-2", by: "warren restart" }]);
  });
});

describe("sources that do not answer", () => {
  test("without Prometheus the figures keep their time, and the fault is named", () => {
    const good = viewOf(healthy({ nowMs }));
    const later = flowView(
      map,
      good,
      answersOf(healthy(), { figures: { fault: "status 503" }, nowMs: nowMs + 60_000 }),
    );
    expect(later).toEqual({ ...good, faults: { Prometheus: "status 503" } });
  });

  test("without Alertmanager the last alerts stay, and the verdict says that alerts are not known", () => {
    const fault = { fault: "no answer within 4 s" };
    const view = viewOf(healthy({ nowMs }), { alerts: fault, silences: fault });
    expect(view.faults).toEqual({ Alertmanager: "no answer within 4 s" });
    expect(view.verdict.text).toMatch(/Alerts are not known here\.$/);
  });

  test("answers of any other form are a fault of theirs, never an error", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const view = viewOf(healthy({ nowMs }), { alerts: { value }, silences: { value } });
        expect(view.atMs).toBe(nowMs);
      }),
    );
  });
});

describe("the map", () => {
  test("has a view for each of its boxes and a box at each end of an edge", () => {
    const { nodes } = viewOf(healthy({ nowMs }));
    for (const { columns, edges } of mapShape(map)) {
      const shapes = columns.flatMap(({ frame, nodes: own }) => (frame ? [frame, ...own] : own));
      for (const { id } of shapes) expect(nodes, id).toHaveProperty([id, "state"], "ok");
      const ids = shapes.map(({ id }) => id);
      for (const { from, to } of edges) expect(ids).toEqual(expect.arrayContaining([from, to]));
    }
  });

  test("without any figures everything is unknown, nothing healthy", () => {
    const view = viewOf({ figures: {}, alerts: [], silences: [] });
    const states = Object.entries(view.nodes).map(([id, { state }]) => [id, state]);
    expect(states.filter(([, state]) => state === "ok")).toEqual([["cluster:bunny", "ok"]]);
  });

  test("says who has the address, who dispatches, and that two hosts with the address are a fault", () => {
    expect(viewOf(healthy({ nowMs })).nodes["member:bunny1"]?.lines).toEqual(["address, dispatches"]);
    const holders = ["bunny1", "bunny2"].map((host) => ({ labels: { host }, value: 1 }));
    expect(viewOf(but({ holders })).nodes["cluster:bunny"]).toMatchObject({ state: "bad", word: "address on 2 hosts" });
  });
});
