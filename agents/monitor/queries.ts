import type { FlowMap } from "./config.ts";

/**
 * One figure, as data: `promql` makes a query for Prometheus of it, and `evaluate.ts` computes the same from what agents answer, where there is no
 * Prometheus. `by` are the labels that are kept.
 */
export type Query =
  | {
      readonly kind: "rate" | "increase";
      readonly metric: string;
      readonly by: readonly string[];
      readonly over: number;
    }
  | { readonly kind: "sum" | "min" | "max"; readonly metric: string; readonly by: readonly string[] }
  | { readonly kind: "quantile"; readonly of: number; readonly metric: string; readonly over: number }
  | { readonly kind: "mean"; readonly metric: string; readonly by: readonly string[]; readonly over: number }
  /** What only Prometheus knows. */
  | { readonly kind: "promql"; readonly text: string };

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Answers by the query's name; a query without an answer has no samples. */
export type Figures = Readonly<Partial<Record<QueryName, readonly Sample[]>>>;

/** A rate over less than a minute jumps at five seconds between scrapes. */
const rateSeconds = 60;
/** At 5 products a second, 1500 products: enough for a p99. */
const latencySeconds = 300;

const rate = (metric: string, ...by: string[]): Query => ({ kind: "rate", metric, by, over: rateSeconds });
const most = (metric: string, ...by: string[]): Query => ({ kind: "max", metric, by });
const least = (metric: string, ...by: string[]): Query => ({ kind: "min", metric, by });
const sum = (metric: string, ...by: string[]): Query => ({ kind: "sum", metric, by });
const increase = (over: number, metric: string, ...by: string[]): Query => ({ kind: "increase", metric, by, over });
const quantile = (of: number, metric: string): Query => ({ kind: "quantile", of, metric, over: latencySeconds });
const promql = (text: string): Query => ({ kind: "promql", text });

const placed = "warren_puller_closed_to_placed_seconds";

/** Asked in each poll. */
const oftenQueries = {
  up: least("up", "job", "host", "agent", "cluster"),
  announced: rate("warren_announcer_announced_total", "host"),
  spooled: sum("warren_announcer_spooled", "host"),
  first: rate("warren_dispatcher_dispatched_total", "source"),
  dispatched: rate("warren_dispatcher_dispatched_total"),
  silence: least("warren_dispatcher_source_silence_seconds", "source"),
  // A standby sees only who was first, so to it a source that is always second seems silent: all have to say so.
  silent: least("warren_dispatcher_source_silent", "source"),
  lead: { kind: "mean", metric: "warren_dispatcher_lead_seconds", by: ["source"], over: latencySeconds },
  active: most("warren_dispatcher_active", "host"),
  unconfirmed: sum("warren_dispatcher_doubts_open"),
  alternates: increase(latencySeconds, "warren_puller_alternates_asked_total"),
  pulled: rate("warren_puller_pulled_total", "host"),
  originsSilent: most("warren_puller_origins_silent", "host"),
  deadRate: rate("warren_puller_dead_lettered_total"),
  p50: quantile(0.5, placed),
  p99: quantile(0.99, placed),
  slowest: quantile(1, placed),
  delivered: rate("warren_sender_delivered_total", "host", "agent"),
  filesWaiting: sum("warren_sender_waiting", "host", "agent"),
  oldestFile: most("warren_sender_oldest_seconds", "host", "agent"),
  watched: rate("warren_watcher_announced_total", "host"),
  // Two auditors count the same products.
  overdue: most("warren_auditor_overdue_now"),
  overdueEver: most("warren_auditor_overdue_total"),
  repeated: most("warren_auditor_repeated_total"),
  knows: least("warren_auditor_knows"),
  lastAnnounced: most("warren_auditor_last_announced_time_seconds"),
} as const satisfies Record<string, Query>;

/** Of Prometheus only; asked in each poll. */
const brokerQueries = {
  healthy: promql('min by (host, agent) ({__name__=~"warren_.+_healthy"})'),
  alarm: promql('max by (host) ({__name__=~"rabbitmq_alarms_(memory_used|free_disk_space)_watermark"})'),
  clientQueues: promql("count by (cluster) (rabbitmq_detailed_queue_consumers > 0)"),
  clientDepth: promql("sum by (cluster) (rabbitmq_detailed_queue_messages)"),
  // A full disk has 0 bytes available; a file system of no size or that can't be written to is no disk.
  disk: promql(
    'min by (host) (node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs"} / (node_filesystem_size_bytes > 0) unless node_filesystem_readonly == 1)',
  ),
} as const satisfies Record<string, Query>;

const day = 86_400;
/** Sums over days cost Prometheus much: asked once a minute. */
export const seldomQueries = {
  // Within the window that Prometheus keeps. OpenMetrics 2 writes the bucket as 1.0.
  slowShare: promql(`1 - sum(increase(${placed}_bucket{le=~"1|1.0"}[15d])) / sum(increase(${placed}_count[15d]))`),
  notFetched: increase(day, "warren_puller_dead_lettered_total"),
  twinFailed: increase(day, "warren_puller_alternates_failed_total"),
  unreadable: increase(day, "warren_dispatcher_dead_letters_total"),
  refusedFiles: increase(day, "warren_sender_set_aside_total"),
  unfitMessages: increase(day, "warren_receiver_unfit_total"),
  startedAt: promql('max by (host, agent) ({__name__=~"warren_.+_start_time_seconds"})'),
} as const satisfies Record<string, Query>;

const anyOf = (names: readonly string[]): string =>
  names.map((name) => name.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&")).join("|");
const quoted = (text: string): string => JSON.stringify(text);

type OftenName = keyof typeof oftenQueries | keyof typeof brokerQueries | "depth" | "consumers" | "holders";
export type QueryName = OftenName | keyof typeof seldomQueries;

/** The queries of each poll for a stack. */
export function queriesOf({ radar }: FlowMap): Readonly<Partial<Record<OftenName, Query>>> {
  const all = { ...oftenQueries, ...brokerQueries };
  if (!radar) return all;
  const queues = `{cluster=${quoted(radar.cluster)},queue=~${quoted(anyOf(Object.values(radar.queues)))}}`;
  return {
    ...all,
    depth: promql(`max by (queue) (rabbitmq_detailed_queue_messages${queues})`),
    consumers: promql(`max by (queue) (rabbitmq_detailed_queue_consumers${queues})`),
    ...(radar.address === undefined
      ? {}
      : { holders: promql(`max by (host) (node_network_address_info{address=${quoted(radar.address)}})`) }),
  };
}

/** A query in Prometheus' language. @param over seconds of its window, instead of its own */
export function promqlOf(query: Query, over?: number): string {
  if (query.kind === "promql") return query.text;
  const by = "by" in query && query.by.length > 0 ? ` by (${query.by.join(", ")})` : "";
  const window = "over" in query ? `[${over ?? query.over}s]` : "";
  switch (query.kind) {
    case "rate":
    case "increase":
      return `sum${by} (${query.kind}(${query.metric}${window}))`;
    case "quantile":
      return `histogram_quantile(${query.of}, sum by (le) (rate(${query.metric}_bucket${window})))`;
    case "mean":
      return `sum${by} (rate(${query.metric}_sum${window})) / sum${by} (rate(${query.metric}_count${window}))`;
    default:
      return `${query.kind}${by} (${query.metric})`;
  }
}

/** Charts of the history: a line for each query. */
export const chartQueries = {
  latency: {
    title: "File closed to file placed",
    unit: "s",
    lines: { p50: oftenQueries.p50, p99: oftenQueries.p99 },
  },
  rates: {
    title: "Products per second",
    unit: "/s",
    lines: {
      announced: rate("warren_announcer_announced_total"),
      dispatched: oftenQueries.dispatched,
      placed: rate("warren_puller_pulled_total"),
    },
  },
  waiting: {
    title: "Late and waiting",
    unit: "",
    lines: {
      overdue: oftenQueries.overdue,
      unconfirmed: oftenQueries.unconfirmed,
      spooled: sum("warren_announcer_spooled"),
    },
  },
} as const satisfies Record<string, { title: string; unit: string; lines: Record<string, Query> }>;
