import * as z from "zod";
import { type Answered, type AskLimits, askJson } from "../lib/ask-json.ts";
import type { FlowMap } from "./config.ts";
import { chartQueries, type Figures, promqlOf, type Query, queriesOf, type Sample, seldomQueries } from "./queries.ts";
import type { FlowSource } from "./source.ts";
import { type Chart, type History, type Range, ranges } from "./view.ts";

const number = z.tuple([z.number(), z.string()]);
const labels = z.record(z.string(), z.string());
const vectorAnswer = z.object({
  status: z.literal("success"),
  data: z.object({ resultType: z.literal("vector"), result: z.array(z.object({ metric: labels, value: number })) }),
});
const matrixAnswer = z.object({
  status: z.literal("success"),
  data: z.object({ resultType: z.literal("matrix"), result: z.array(z.object({ values: z.array(number) })) }),
});

/** Queries in flight: Prometheus runs twenty at once, and they are not the only ones. */
const atOnce = 6;
const seldomMs = 60_000;

/** Asks the local Prometheus: each query once a poll, however many browsers look; sums over days once a minute. */
export class PrometheusSource implements FlowSource {
  readonly #often: readonly [string, Query][];
  readonly #url: string;
  readonly #limits: AskLimits;
  #seldom: { readonly figures: Figures; readonly atMs: number } = { figures: {}, atMs: Number.NEGATIVE_INFINITY };

  constructor(url: string, map: FlowMap, limits: AskLimits) {
    this.#url = url.replace(/\/$/, "");
    this.#limits = limits;
    this.#often = Object.entries(queriesOf(map));
  }

  async figures(nowMs: number): Promise<Answered<Figures>> {
    const often = await this.#vectors(this.#often);
    if ("fault" in often) return often;
    if (nowMs - this.#seldom.atMs >= seldomMs) {
      const seldom = await this.#vectors(Object.entries(seldomQueries));
      // What is asked once a minute may be a minute old.
      if ("value" in seldom) this.#seldom = { figures: seldom.value, atMs: nowMs };
    }
    return { value: { ...this.#seldom.figures, ...often.value } };
  }

  async history(range: Range, nowMs: number): Promise<Answered<History>> {
    const { seconds, stepSeconds } = ranges[range];
    const end = Math.floor(nowMs / 1000 / stepSeconds) * stepSeconds;
    const times = Array.from({ length: seconds / stepSeconds + 1 }, (_, index) => end - seconds + index * stepSeconds);
    const charts: Chart[] = [];
    for (const [id, { title, unit, lines }] of Object.entries(chartQueries)) {
      const values: (number | null)[][] = [];
      for (const query of Object.values<Query>(lines)) {
        const line = await this.#line(query, { times, stepSeconds });
        if ("fault" in line) return line;
        values.push(line.value);
      }
      charts.push({ id, title, unit, labels: Object.keys(lines), times, values });
    }
    const marks = (this.#seldom.figures.startedAt ?? []).flatMap(({ labels: { host = "", agent = "" }, value }) =>
      value >= end - seconds
        ? [{ kind: "start", time: Math.round(value), text: `${agent} started on ${host}` } as const]
        : [],
    );
    return { value: { range, charts, marks } };
  }

  async #vectors(queries: readonly (readonly [string, Query])[]): Promise<Answered<Figures>> {
    const waiting = [...queries];
    const found: [string, readonly Sample[]][] = [];
    let fault: string | undefined;
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next && fault === undefined; next = waiting.shift()) {
        const [name, query] = next;
        const answer = await askJson(this.#urlOf("query", { query: promqlOf(query) }), this.#limits);
        const samples = "fault" in answer ? answer : samplesOf(answer.value);
        if ("fault" in samples) fault = samples.fault;
        else found.push([name, samples.value]);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return fault === undefined ? { value: Object.fromEntries(found) } : { fault };
  }

  async #line(query: Query, { times, stepSeconds }: { times: readonly number[]; stepSeconds: number }) {
    // A rate over less than its step would leave out what happens between two points.
    const over = "over" in query ? Math.max(query.over, stepSeconds) : undefined;
    const [start, end] = [times[0] ?? 0, times.at(-1) ?? 0];
    const parameters = {
      query: promqlOf(query, over),
      start: String(start),
      end: String(end),
      step: String(stepSeconds),
    };
    const answer = await askJson(this.#urlOf("query_range", parameters), this.#limits);
    if ("fault" in answer) return answer;
    const read = matrixAnswer.safeParse(answer.value);
    if (!read.success) return { fault: "its answer has another form than expected" };
    const known = new Map(read.data.data.result[0]?.values.map(([time, value]) => [Math.round(time), Number(value)]));
    const value = times.map((time) => {
      const found = known.get(time);
      return found === undefined || !Number.isFinite(found) ? null : Number(found.toPrecision(3));
    });
    return { value };
  }

  #urlOf(path: string, parameters: Readonly<Record<string, string>>): string {
    return `${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`;
  }
}

function samplesOf(answer: unknown): Answered<readonly Sample[]> {
  const read = vectorAnswer.safeParse(answer);
  if (!read.success) return { fault: "its answer has another form than expected" };
  return {
    value: read.data.data.result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) })),
  };
}
