import { type AuditHistory, type PublicHour, publicBoundsSeconds } from "../../../agents/lib/audit-history.ts";
import {
  type Budget,
  budgetOf,
  type Latency,
  latencyOf,
  type Objective,
  type Percentiles,
  percentilesOf,
  sum,
} from "./latency.ts";

/** 99 % of the files are on the public data server, ready to be announced, within this time from their last change on px. */
const publicObjective: Objective = { withinSeconds: 5, slowShare: 0.01 };

interface PublicTotals {
  /** Files that were delivered, and those of them that were announced to clients. */
  readonly delivered: number;
  readonly announced: number;
  /** Delivered later than the objective's time. */
  readonly slow: number;
  /** Hours of which a monitor's Prometheus has figures. */
  readonly hoursKnown: number;
}

export interface PublicDay extends PublicTotals {
  /** `2026-11-05`. */
  readonly date: string;
}

/** What a month was like for clients of the public data servers. */
export interface PublicReport extends PublicTotals {
  /** Time in these hours in which not all senders answered. */
  readonly gapSeconds: number;
  /** From the last change on px until the file is complete on the public data server. */
  readonly deliverySeconds: Percentiles;
  /** From there until the broker has the announcement. */
  readonly announcementSeconds: Percentiles;
  readonly budget: Budget;
  readonly days: readonly PublicDay[];
}

/** Pure. @param histories one of each monitor host: of each hour the record with more minutes counts */
export function publicReportOf(histories: readonly AuditHistory[], fromMs: number, toMs: number): PublicReport {
  const hours = bestHours(histories).filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
  const days = Map.groupBy(hours, ({ startMs }) => new Date(startMs).toISOString().slice(0, 10));
  return {
    ...totalsOf(hours),
    gapSeconds: sum(hours.map(({ minutes }) => (60 - minutes) * 60)),
    deliverySeconds: percentilesOf(latencyIn(hours, "delivered")),
    announcementSeconds: percentilesOf(latencyIn(hours, "announced")),
    budget: budgetOf(latencyIn(hours, "delivered"), publicObjective),
    days: [...days].map(([date, its]) => ({ date, ...totalsOf(its) })),
  };
}

function bestHours(histories: readonly AuditHistory[]): PublicHour[] {
  const all = histories.flatMap(({ publicHours }) => publicHours);
  // The last one of an hour stays: that with the most minutes.
  const best = new Map(all.toSorted((one, other) => one.minutes - other.minutes).map((hour) => [hour.startMs, hour]));
  return [...best.values()].toSorted((one, other) => one.startMs - other.startMs);
}

const latencyIn = (hours: readonly PublicHour[], of: "delivered" | "announced"): Latency =>
  latencyOf(
    publicBoundsSeconds,
    hours.map((hour) => hour[of]),
  );

function totalsOf(hours: readonly PublicHour[]): PublicTotals {
  const { products: delivered, slow } = budgetOf(latencyIn(hours, "delivered"), publicObjective);
  return { delivered, announced: sum(latencyIn(hours, "announced").classes), slow, hoursKnown: hours.length };
}
