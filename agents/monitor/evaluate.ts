import type { Query, Sample } from "./queries.ts";

/** One scrape of one agent: samples by metric, and when. */
export interface Scrape {
  readonly atMs: number;
  readonly metrics: ReadonlyMap<string, readonly Sample[]>;
}

/** Scrapes of one agent, the oldest first. */
export type Scrapes = readonly Scrape[];

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Samples of an answer of `/metrics`, with more labels, as Prometheus adds those of its target. */
export function parseMetrics(text: string, more: Readonly<Record<string, string>>): Map<string, Sample[]> {
  const metrics = new Map<string, Sample[]>();
  for (const row of text.split("\n")) {
    const [, name = "", labels = "", number = ""] = line.exec(row) ?? [];
    if (name === "") continue;
    const value = Number(number === "+Inf" ? "Infinity" : number);
    if (Number.isNaN(value)) continue;
    const found = [...labels.matchAll(label)].map(([, key = "", text = ""]) => [key, text.replace(/\\(.)/g, "$1")]);
    const sample = { labels: { ...Object.fromEntries(found), ...more }, value };
    const known = metrics.get(name);
    if (known) known.push(sample);
    else metrics.set(name, [sample]);
  }
  return metrics;
}

/** Answers a query from agents' scrapes. What only Prometheus knows has no samples. */
export function evaluate(query: Query, agents: readonly Scrapes[], nowMs: number): readonly Sample[] {
  switch (query.kind) {
    case "promql":
      return [];
    case "sum":
    case "min":
    case "max":
      return grouped(
        agents.flatMap((scrapes) => scrapes.at(-1)?.metrics.get(query.metric) ?? []),
        query.by,
        folds[query.kind],
      );
    case "rate":
    case "increase":
      return increases(agents, query, query.metric, nowMs, query.kind === "rate");
    case "mean": {
      const counts = increases(agents, query, `${query.metric}_count`, nowMs, false);
      return increases(agents, query, `${query.metric}_sum`, nowMs, false).flatMap(({ labels, value }) => {
        const count = counts.find((one) => JSON.stringify(one.labels) === JSON.stringify(labels))?.value ?? 0;
        return count > 0 ? [{ labels, value: value / count }] : [];
      });
    }
    case "quantile":
      return quantile(query.of, increases(agents, { ...query, by: ["le"] }, `${query.metric}_bucket`, nowMs, false));
  }
}

const folds = {
  sum: (one: number, other: number) => one + other,
  min: Math.min,
  max: Math.max,
} as const;

function grouped(samples: readonly Sample[], by: readonly string[], fold: (a: number, b: number) => number): Sample[] {
  const groups = new Map<string, Sample>();
  for (const { labels, value } of samples) {
    const kept = Object.fromEntries(by.flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]])));
    const key = JSON.stringify(kept);
    const known = groups.get(key);
    groups.set(key, { labels: kept, value: known ? fold(known.value, value) : value });
  }
  return [...groups.values()];
}

interface Window {
  readonly by: readonly string[];
  readonly over: number;
}

/** What counters grew in the window, or since the first scrape; a counter that fell was restarted at 0. */
function increases(
  agents: readonly Scrapes[],
  { by, over }: Window,
  metric: string,
  nowMs: number,
  perSecond: boolean,
) {
  const grown = agents.flatMap((scrapes) => {
    const within = scrapes.filter(({ atMs }) => atMs >= nowMs - over * 1000);
    const seconds = ((within.at(-1)?.atMs ?? 0) - (within[0]?.atMs ?? 0)) / 1000;
    const last = within.at(-1)?.metrics.get(metric) ?? [];
    if (seconds <= 0) return [];
    const before = new Map(
      (within[0]?.metrics.get(metric) ?? []).map((one) => [JSON.stringify(one.labels), one.value]),
    );
    return last.map(({ labels, value }) => {
      const start = before.get(JSON.stringify(labels)) ?? 0;
      const growth = value >= start ? value - start : value;
      return { labels, value: perSecond ? growth / seconds : growth };
    });
  });
  return grouped(grown, by, folds.sum);
}

/** Linear within a bucket, as Prometheus computes it; beyond the last bucket its lower bound. */
function quantile(of: number, buckets: readonly Sample[]): Sample[] {
  const sorted = buckets
    .map(({ labels, value }) => ({ le: Number(labels.le === "+Inf" ? "Infinity" : labels.le), count: value }))
    .toSorted((one, other) => one.le - other.le);
  const total = sorted.at(-1)?.count ?? 0;
  if (total === 0) return [];
  const rank = of * total;
  const index = sorted.findIndex(({ count }) => count >= rank);
  const bucket = sorted[index];
  const below = sorted[index - 1] ?? { le: 0, count: 0 };
  if (!bucket || bucket.le === Number.POSITIVE_INFINITY) return [{ labels: {}, value: below.le }];
  const part = bucket.count === below.count ? 1 : (rank - below.count) / (bucket.count - below.count);
  return [{ labels: {}, value: below.le + (bucket.le - below.le) * part }];
}
