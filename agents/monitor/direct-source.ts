import type { Answered } from "../lib/ask-json.ts";
import { evaluate, parseMetrics, type Scrape } from "./evaluate.ts";
import { chartQueries, type Figures, type Query, queriesOf, seldomQueries } from "./queries.ts";
import type { FlowSource } from "./source.ts";
import { type History, type Range, ranges } from "./view.ts";

/** An agent whose `/metrics` are read. */
interface DirectTarget {
  readonly host: string;
  readonly agent: string;
  readonly url: string;
}

const keptMs = 300_000;
const timeoutMs = 2000;
const pointsMax = 1000;

/** Reads agents' metrics itself, for a run on one machine without Prometheus. The history is that of the run. */
export class DirectSource implements FlowSource {
  readonly #targets: () => readonly DirectTarget[];
  readonly #scrapes = new Map<string, Scrape[]>();
  readonly #points: { readonly time: number; readonly values: readonly (number | null)[] }[] = [];

  constructor(targets: () => readonly DirectTarget[]) {
    this.#targets = targets;
  }

  async figures(nowMs: number): Promise<Answered<Figures>> {
    const up = await Promise.all(
      this.#targets().map(async (target) => ({ target, isUp: await this.#scrape(target, nowMs) })),
    );
    const agents = [...this.#scrapes.values()];
    const queries = { ...queriesOf({ stack: "", publicServers: [] }), ...seldomQueries };
    const figures = Object.entries<Query>(queries).map(([name, query]) => [name, evaluate(query, agents, nowMs)]);
    const targets = up.map(({ target: { host, agent }, isUp }) => ({
      labels: { job: "agent", host, agent },
      value: Number(isUp),
    }));
    const lines = Object.values(chartQueries).flatMap((chart) => Object.values<Query>(chart.lines));
    const values = lines.map((query) => evaluate(query, agents, nowMs)[0]?.value ?? null);
    this.#points.push({ time: Math.round(nowMs / 1000), values });
    if (this.#points.length > pointsMax) this.#points.shift();
    return { value: { ...Object.fromEntries(figures), up: targets } };
  }

  async history(range: Range, nowMs: number): Promise<Answered<History>> {
    const points = this.#points.filter(({ time }) => time >= nowMs / 1000 - ranges[range].seconds);
    let first = 0;
    const charts = Object.entries(chartQueries).map(([id, { title, unit, lines }]) => {
      const from = first;
      const labels = Object.keys(lines);
      first += labels.length;
      const values = labels.map((_, index) => points.map((point) => point.values[from + index] ?? null));
      return { id, title, unit, labels, times: points.map(({ time }) => time), values };
    });
    return { value: { range, charts, marks: [] } };
  }

  async #scrape({ host, agent, url }: DirectTarget, nowMs: number): Promise<boolean> {
    const key = `${host}/${agent}`;
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
      const metrics = parseMetrics(await response.text(), { host, agent });
      const known = (this.#scrapes.get(key) ?? []).filter(({ atMs }) => atMs >= nowMs - keptMs);
      this.#scrapes.set(key, [...known, { atMs: nowMs, metrics }]);
      return response.ok;
    } catch {
      return false;
    }
  }
}
