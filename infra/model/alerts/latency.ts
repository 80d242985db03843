import type { Alert, Recording } from "./alert.ts";
import type { AlertScope } from "./scope.ts";

/** A service level objective: at most `budget` of all products may take longer than `seconds`. */
interface Objective {
  /** Label `slo` of its figures and alerts. */
  readonly name: string;
  readonly seconds: number;
  /** A share, over 30 days. */
  readonly budget: number;
  readonly histogram: string;
  readonly selector: string;
}

const perThousand = 0.001;

/** Targets of the service, for 30 days. `Objective.seconds` is a bound of a bucket of its histogram. */
function objectivesOf({ pullers, deliveries }: AlertScope): readonly Objective[] {
  const placed = { histogram: "warren_puller_closed_to_placed_seconds", selector: 'job="agent"' };
  const delivered = { histogram: "warren_sender_latency_seconds", selector: 'job="agent",agent=~"delivery-.+"' };
  const radar = [
    { name: "placed-within-1s", seconds: 1, budget: 10 * perThousand, ...placed },
    { name: "placed-within-10s", seconds: 10, budget: perThousand, ...placed },
  ];
  const publicOne = { name: "delivered-within-5s", seconds: 5, budget: 10 * perThousand, ...delivered };
  return [...(pullers.length > 0 ? radar : []), ...(deliveries.length > 0 ? [publicOne] : [])];
}

/**
 * Burn rates of Google's "The Site Reliability Workbook", chapter 5, "Multiwindow, Multi-Burn-Rate Alerts": a rate of 14.4 spends 2 % of the budget of 30
 * days in an hour. The short window makes the alert end soon after its cause.
 */
const fast = [
  { long: "1h", short: "5m", rate: 14.4 },
  { long: "6h", short: "30m", rate: 6 },
] as const;
const slow = [{ long: "3d", short: "6h", rate: 1 }] as const;

/** Names of windows, unscaled, and their seconds. Those of three days are long: they are computed more seldom. */
const windows = { "5m": 300, "30m": 1800, "1h": 3600, "6h": 21_600, "3d": 259_200 } as const;
type Window = keyof typeof windows;
export const fastWindows: readonly Window[] = ["5m", "30m", "1h", "6h"];
export const slowWindows: readonly Window[] = ["3d"];

/**
 * Products that a long window must have, so that a single slow one does not spend the budget: half a product is then within it. 50 for 1 %, 500
 * for 0.1 %.
 */
const volumeMin = ({ budget }: Objective): number => Math.round(0.5 / budget);

/** Share of slow products and number of products, by objective, in each of the windows. */
export function latencyRecordings(scope: AlertScope, of: readonly Window[]): Recording[] {
  return objectivesOf(scope).flatMap((objective) =>
    of.flatMap((window) => {
      const { name, histogram, selector, seconds } = objective;
      const range = scope.window(windows[window]);
      const all = `sum(increase(${histogram}_count{${selector}}[${range}]))`;
      // Prometheus 3 writes the bound as 5.0.
      const inTime = `sum(increase(${histogram}_bucket{${selector},le=~"${seconds}(\\\\.0)?"}[${range}]))`;
      const labels = { slo: name };
      return [
        { record: `warren:slow_share:${window}`, expr: `(${all} - ${inTime}) / ${all}`, labels },
        { record: `warren:products:${window}`, expr: all, labels },
      ];
    }),
  );
}

type Burn = { readonly long: Window; readonly short: Window; readonly rate: number };

function burns(scope: AlertScope, rates: readonly Burn[]): string | undefined {
  const clauses = objectivesOf(scope).flatMap((objective) =>
    rates.map(({ long, short, rate }) => {
      const selector = `{slo="${objective.name}"}`;
      const share = Number((rate * objective.budget).toPrecision(6));
      return `(warren:slow_share:${long}${selector} > ${share} and warren:slow_share:${short}${selector} > ${share} and warren:products:${long}${selector} > ${volumeMin(objective)})`;
    }),
  );
  return clauses.length === 0 ? undefined : clauses.join("\nor ");
}

const look = ["./warren status -s STACK"];

export const latencyAlerts: readonly Alert[] = [
  {
    name: "LatencyBudgetFast",
    severity: "page",
    forSeconds: 0,
    expression: (scope) => burns(scope, fast),
    summary: "Many products are slow: {{ $labels.slo }} will miss its target",
    felt: "Products are late: one in seven takes longer than a second, or one in seventy longer than ten.",
    step: "products-are-pulled",
    look,
    remedy:
      "Find the slow hop: `status` shows queues and rates. A queue that grows is before the slow one. Usual causes: a radar server that answers slowly, a full disk, one puller for all.",
    why: "1 % may be slow in 30 days. At 14.4 times that, a fiftieth of the month's budget is gone in an hour, at 6 times a twentieth in six hours: a person must act today. With fewer than 50 products in the window (500 for ten seconds) one slow product would page.",
  },
  {
    name: "LatencyBudgetSlow",
    severity: "ticket",
    forSeconds: 0,
    expression: (scope) => burns(scope, slow),
    summary: "Products have been slower than promised for days: {{ $labels.slo }}",
    felt: "Some products are late each day.",
    step: "products-are-pulled",
    look,
    remedy: "Compare days in `./warren status`: a slow hop, more products than before, or a host that is too small.",
    why: "The budget is spent exactly as fast as it comes: the month ends without reserve. Three days find that; nobody has to wake up.",
  },
];
