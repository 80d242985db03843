import {
  type AuditHistory,
  type AuditHour,
  type Incident,
  latencyBoundsSeconds,
} from "../../../agents/lib/audit-history.ts";
import { UserError } from "../../../agents/lib/errors.ts";

const hourMs = 3_600_000;

/** A month in UTC. */
export interface Month {
  /** `2026-11`. */
  readonly name: string;
  readonly fromMs: number;
  /** Its end, or now if it is the current month. */
  readonly toMs: number;
}

/** @param text `2026-11`; missing: the month of `nowMs` @throws UserError */
export function readMonth(text: string | undefined, nowMs: number): Month {
  const name = text ?? new Date(nowMs).toISOString().slice(0, 7);
  const fromMs = Date.parse(`${name}-01T00:00:00Z`);
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(name) || Number.isNaN(fromMs)) {
    throw new UserError(
      "report",
      `${JSON.stringify(text)} is no month`,
      "give a year and a month, e.g. --month 2026-11",
    );
  }
  if (fromMs > nowMs)
    throw new UserError("report", `${name} has not begun`, "give a month of the past or the current one");
  const year = Number(name.slice(0, 4));
  const month = Number(name.slice(5));
  return { name, fromMs, toMs: Math.min(Date.UTC(year, month, 1), nowMs) };
}

/**
 * The service's objective: shares of products that may be slower than these times from complete file to placed file. 99 % within 1 s,
 * 99.9 % within 10 s.
 */
export const objectives = [
  { withinSeconds: 1, slowShare: 0.01 },
  { withinSeconds: 10, slowShare: 0.001 },
] as const;

export interface Budget {
  readonly withinSeconds: number;
  /** Placed products with a measured latency. */
  readonly products: number;
  readonly slow: number;
  /** Products that the objective allows to be slow. */
  readonly allowed: number;
  /** Undefined without products. */
  readonly usedShare: number | undefined;
}

export interface IncidentRow extends Incident {
  readonly noticeSeconds: number;
  /** From notification to end; undefined while it lasts. */
  readonly repairSeconds: number | undefined;
}

interface Totals {
  readonly announced: number;
  readonly placed: number;
  readonly overdue: number;
  readonly placedLate: number;
  readonly repeated: number;
  readonly unknown: number;
  readonly deadLetters: number;
}

export interface Day extends Totals {
  /** `2026-11-05`. */
  readonly date: string;
}

/** What a month was like for the users of the products. */
export interface Report extends Totals {
  readonly version: 1;
  readonly stack: string;
  readonly month: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Hours of the month for which an auditor has a record, of all. */
  readonly hoursKnown: number;
  readonly hoursOf: number;
  /** Time within these hours for which the auditor kept no record. */
  readonly gapSeconds: number;
  /** Share of the announced products placed in time, without those about which the auditor can't know; undefined without products. */
  readonly availability: number | undefined;
  /** Upper bounds of the classes in which the percentiles are; undefined: slower than the last bound, or no product. */
  readonly latencySeconds: Readonly<Record<"p50" | "p95" | "p99", number | undefined>>;
  readonly budgets: readonly Budget[];
  readonly incidents: readonly IncidentRow[];
  readonly days: readonly Day[];
}

/** Pure. @param histories one of each monitor host: of each hour the record with the shortest gap counts */
export function reportOf(stack: string, month: Month, histories: readonly AuditHistory[]): Report {
  const hours = bestHours(histories).filter(({ startMs }) => startMs >= month.fromMs && startMs < month.toMs);
  const totals = sumOf(hours);
  const latency = latencyOf(hours);
  const known = totals.announced - totals.unknown;
  const days = Map.groupBy(hours, ({ startMs }) => new Date(startMs).toISOString().slice(0, 10));
  return {
    version: 1,
    stack,
    month: month.name,
    fromMs: month.fromMs,
    toMs: month.toMs,
    hoursKnown: hours.length,
    hoursOf: Math.ceil((month.toMs - month.fromMs) / hourMs),
    gapSeconds: sum(hours.map(({ gapSeconds }) => gapSeconds)),
    ...totals,
    availability: known > 0 ? (known - totals.overdue) / known : undefined,
    latencySeconds: { p50: percentile(latency, 0.5), p95: percentile(latency, 0.95), p99: percentile(latency, 0.99) },
    budgets: objectives.map((objective) => budgetOf(latency, objective)),
    incidents: incidentRows(histories, month),
    days: [...days].map(([date, its]) => ({ date, ...sumOf(its) })),
  };
}

function bestHours(histories: readonly AuditHistory[]): AuditHour[] {
  const best = new Map<number, AuditHour>();
  for (const hour of histories.flatMap(({ hours }) => hours)) {
    const other = best.get(hour.startMs);
    if (!other || isBetter(hour, other)) best.set(hour.startMs, hour);
  }
  return [...best.values()].toSorted((one, other) => one.startMs - other.startMs);
}

/** With equal gaps, the auditor that heard more. */
const isBetter = (one: AuditHour, other: AuditHour): boolean =>
  one.gapSeconds < other.gapSeconds || (one.gapSeconds === other.gapSeconds && one.announced > other.announced);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function sumOf(hours: readonly AuditHour[]): Totals {
  const total = (of: keyof Totals) => sum(hours.map((hour) => hour[of]));
  return {
    announced: total("announced"),
    placed: total("placed"),
    overdue: total("overdue"),
    placedLate: total("placedLate"),
    repeated: total("repeated"),
    unknown: total("unknown"),
    deadLetters: total("deadLetters"),
  };
}

const latencyOf = (hours: readonly AuditHour[]): number[] =>
  [...latencyBoundsSeconds, Number.POSITIVE_INFINITY].map((_, at) => sum(hours.map(({ latency }) => latency[at] ?? 0)));

function percentile(latency: readonly number[], share: number): number | undefined {
  const wanted = sum(latency) * share;
  if (wanted === 0) return undefined;
  let below = 0;
  const at = latency.findIndex((products) => {
    below += products;
    return below >= wanted;
  });
  return latencyBoundsSeconds[at];
}

function budgetOf(latency: readonly number[], { withinSeconds, slowShare }: (typeof objectives)[number]): Budget {
  const products = sum(latency);
  const slow = sum(latency.slice(latencyBoundsSeconds.indexOf(withinSeconds) + 1));
  const allowed = products * slowShare;
  return { withinSeconds, products, slow, allowed, usedShare: products > 0 ? slow / allowed : undefined };
}

/** Both monitors report an alert: the earlier notification counts. */
function incidentRows(histories: readonly AuditHistory[], { fromMs, toMs }: Month): IncidentRow[] {
  const all = histories
    .flatMap(({ incidents }) => incidents)
    .filter(({ beganMs, endedMs }) => beganMs < toMs && (endedMs === undefined || endedMs >= fromMs))
    .toSorted((one, other) => one.notifiedMs - other.notifiedMs);
  const firsts: Incident[] = [];
  for (const one of all) if (!firsts.some((other) => isSame(one, other))) firsts.push(one);
  return firsts.map((one) => ({
    ...one,
    noticeSeconds: secondsBetween(one.beganMs, one.notifiedMs),
    repairSeconds: one.endedMs === undefined ? undefined : secondsBetween(one.notifiedMs, one.endedMs),
  }));
}

const isSame = (one: Incident, other: Incident): boolean =>
  one.alert === other.alert && one.about === other.about && one.beganMs <= (other.endedMs ?? Number.POSITIVE_INFINITY);

const secondsBetween = (fromMs: number, toMs: number): number => Math.max(0, Math.round((toMs - fromMs) / 1000));
