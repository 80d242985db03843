import { describe, expect, test } from "vitest";
import { Metrics } from "../lib/metrics.ts";
import { evaluate, parseMetrics, type Scrapes } from "./evaluate.ts";
import { type Query, queriesOf } from "./queries.ts";

const labels = { host: "pds-1", agent: "puller" };

/** Scrapes of a counter that had these values, five seconds apart. */
const counted = (values: readonly number[], more = labels): Scrapes =>
  values.map((value, index) => ({ atMs: index * 5000, metrics: parseMetrics(`a_total ${value}\n`, more) }));

describe("parseMetrics", () => {
  test("reads what agents answer, with quoted labels", async () => {
    const metrics = new Metrics("puller");
    metrics.counter("retries", "help", ["cause"]).inc({ cause: 'a "b" \\ {c}' }, 3);
    metrics.histogram("pull_duration_seconds", "help", [1, 10]).observe(0.5);
    const found = parseMetrics(await metrics.text(), labels);
    expect(found.get("warren_puller_retries_total")).toEqual([
      { labels: { cause: 'a "b" \\ {c}', ...labels }, value: 3 },
    ]);
    expect(found.get("warren_puller_pull_duration_seconds_bucket")?.map((one) => one.labels.le)).toEqual([
      "1",
      "10",
      "+Inf",
    ]);
  });
});

describe("evaluate", () => {
  const rate: Query = { kind: "rate", metric: "a_total", by: ["host"], over: 60 };
  test("a rate is the growth in the window by its seconds, and a counter that fell began at 0", () => {
    expect(evaluate(rate, [counted([0, 10, 20])], 10_000)).toEqual([{ labels: { host: "pds-1" }, value: 2 }]);
    expect(evaluate(rate, [counted([90, 100, 5])], 10_000)).toEqual([{ labels: { host: "pds-1" }, value: 0.5 }]);
    expect(evaluate(rate, [counted([7])], 10_000)).toEqual([]);
  });

  test("sums over what is not kept, and keeps what is", () => {
    const agents = [counted([1, 2]), counted([1, 4], { host: "pds-2", agent: "puller" })];
    expect(evaluate({ kind: "sum", metric: "a_total", by: [] }, agents, 5000)).toEqual([{ labels: {}, value: 6 }]);
    expect(evaluate({ kind: "max", metric: "a_total", by: ["agent"] }, agents, 5000)).toEqual([
      { labels: { agent: "puller" }, value: 4 },
    ]);
  });

  test("a quantile lies within its bucket", () => {
    const at = (atMs: number, one: number, all: number) => ({
      ...{
        atMs,
        metrics: parseMetrics(`h_bucket{le="1"} ${one}\nh_bucket{le="2"} ${all}\nh_bucket{le="+Inf"} ${all}\n`, labels),
      },
    });
    const scrapes = [[at(0, 0, 0), at(5000, 50, 100)]];
    const quantile = (of: number) => evaluate({ kind: "quantile", of, metric: "h", over: 60 }, scrapes, 5000)[0]?.value;
    expect([quantile(0.25), quantile(0.5), quantile(0.75), quantile(1)]).toEqual([0.5, 1, 1.5, 2]);
  });

  test("answers every query of a poll without an error, also from nothing", () => {
    for (const query of Object.values<Query>(queriesOf({ stack: "x", publicServers: [] })))
      expect(evaluate(query, [], 0)).toEqual([]);
  });
});
