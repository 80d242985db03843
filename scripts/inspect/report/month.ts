import {
  type AuditHistory,
  type AuditHour,
  type Incident,
  latencyBoundsSeconds,
} from "../../../agents/lib/audit-history.ts";
import { UserError } from "../../../agents/lib/errors.ts";
import { type Budget, budgetOf, latencyOf, type Objective, type Percentiles, percentilesOf, sum } from "./latency.ts";
import { type PublicReport, publicReportOf } from "./public.ts";

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
const objectives: readonly Objective[] = [
  { withinSeconds: 1, slowShare: 0.01 },
  { withinSeconds: 10, slowShare: 0.001 },
];

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
  readonly latencySeconds: Percentiles;
  readonly budgets: readonly Budget[];
  readonly incidents: readonly IncidentRow[];
  readonly days: readonly Day[];
  /** Undefined if the stack delivers to no public data server. */
  readonly public: PublicReport | undefined;
}

/**
 * Pure.
 *
 * @param histories one of each monitor host: of each hour the record with the shortest gap counts
 * @param isPublic whether the stack delivers to a public data server
 */
export function reportOf(stack: string, month: Month, histories: readonly AuditHistory[], isPublic: boolean): Report {
  const hours = bestHours(histories).filter(({ startMs }) => startMs >= month.fromMs && startMs < month.toMs);
  const totals = sumOf(hours);
  const latency = latencyOf(
    latencyBoundsSeconds,
    hours.map((hour) => hour.latency),
  );
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
    latencySeconds: percentilesOf(latency),
    budgets: objectives.map((objective) => budgetOf(latency, objective)),
    incidents: incidentRows(histories, month),
    days: [...days].map(([date, its]) => ({ date, ...sumOf(its) })),
    public: isPublic ? publicReportOf(histories, month.fromMs, month.toMs) : undefined,
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
