import * as z from "zod";
import { type PublicHour, publicBoundsSeconds } from "../lib/audit-history.ts";

/** Units of senders: those that deliver files to public data servers, and those that announce what was delivered. */
const agents = { delivered: "delivery-.+", announced: "dd-notify|notify-.+" } as const;

const targets = (agent: string) => `{job="agent",agent=~"${agent}"}`;
// Only Prometheus has the senders' counters, which are on other hosts, and `increase` survives restarts of all; it extrapolates, so counts are rounded.
const histogram = (agent: string) =>
  `sum by (le) (increase(warren_sender_latency_seconds_bucket${targets(agent)}[1h]))`;

/**
 * What Prometheus is asked at the end of each hour. Both histograms are the senders' own `latency_seconds`; the first is that of the objective in
 * the alerts. A full hour would have 61 minutes in Prometheus 2, which counts both ends.
 */
export const publicQueries = {
  delivered: histogram(agents.delivered),
  announced: histogram(agents.announced),
  minutes: `count_over_time((min(up${targets(`${agents.delivered}|${agents.announced}`)}) == 1)[3599s:1m])`,
} as const;

/** The answers to these, of Prometheus' `/api/v1/query_range`. */
export type PublicAnswers = Readonly<Record<keyof typeof publicQueries, unknown>>;

/** Of `query_range` (prometheus.io/docs/prometheus/latest/querying/api, "Range queries"). Counts are texts; those of no count are refused. */
const count = z
  .string()
  .max(40)
  .regex(/^\d+(\.\d+)?(e[+-]?\d+)?$/)
  .transform(Number)
  .pipe(z.number().max(1e9));
const matrixAnswer = z.object({
  status: z.literal("success"),
  data: z.object({
    resultType: z.literal("matrix"),
    result: z.array(
      z.object({
        metric: z.object({ le: z.string().default("+Inf") }),
        values: z.array(z.tuple([z.number(), count])),
      }),
    ),
  }),
});

/** Values by the upper bound of their bucket and their time in seconds. */
type Series = ReadonlyMap<number, ReadonlyMap<number, number>>;

function seriesOf(answer: unknown): Series {
  const series = new Map<number, Map<number, number>>();
  for (const { metric, values } of matrixAnswer.parse(answer).data.result) {
    const bound = metric.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(metric.le);
    const known = series.get(bound) ?? new Map<number, number>();
    // An upgrade to Prometheus 3 ends the series `5` and begins `5.0`.
    for (const [time, value] of values) known.set(time, (known.get(time) ?? 0) + value);
    series.set(bound, known);
  }
  return series;
}

/**
 * The hours of which Prometheus knows both what was delivered and what was announced.
 *
 * @param startsMs of the hours that were asked for; what is answered of others is left out
 * @throws ZodError if an answer is another program's, or has a count that is none
 */
export function readPublicHours(answers: PublicAnswers, startsMs: readonly number[]): PublicHour[] {
  const [delivered, announced, minutes] = [answers.delivered, answers.announced, answers.minutes].map(seriesOf) as [
    ...[Series, Series, Series],
  ];
  return startsMs.flatMap((startMs) => {
    const endSeconds = startMs / 1000 + 3600;
    const classes = { delivered: classesAt(delivered, endSeconds), announced: classesAt(announced, endSeconds) };
    if (classes.delivered === undefined || classes.announced === undefined) return [];
    const answering = Math.min(60, Math.round(minutes.get(Number.POSITIVE_INFINITY)?.get(endSeconds) ?? 0));
    return [{ startMs, minutes: answering, delivered: classes.delivered, announced: classes.announced }];
  });
}

/** Numbers of the classes of `publicBoundsSeconds`; undefined if one of its buckets has no value. */
function classesAt(series: Series, atSeconds: number): number[] | undefined {
  let below = 0;
  const classes: number[] = [];
  for (const bound of [...publicBoundsSeconds, Number.POSITIVE_INFINITY]) {
    const value = series.get(bound)?.get(atSeconds);
    if (value === undefined) return undefined;
    // Each bucket is extrapolated by itself, so a higher one may have a little less.
    const upTo = Math.max(below, Math.round(value));
    classes.push(upTo - below);
    below = upTo;
  }
  return classes;
}
