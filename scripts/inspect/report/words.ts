import type { Budget, Percentiles } from "./latency.ts";
import type { Report } from "./month.ts";

const numbers = new Intl.NumberFormat("en");

export const countText = (count: number): string => numbers.format(count);

/** Rounded down, so that one lost product never reads as 100 %. */
export const shareText = (share: number | undefined): string =>
  share === undefined ? "no product" : `${(Math.floor(share * 100_000) / 1000).toFixed(3)} %`;

/** `2026-11-05 03:12` in UTC. */
export const timeText = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");

/** `45 s`, `12 min`, `3 h 5 min`. */
export function durationText(seconds: number): string {
  const rounded = Math.round(seconds);
  if (rounded < 120) return `${rounded} s`;
  const minutes = Math.round(rounded / 60);
  if (minutes < 120) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function budgetText({ products, slow, allowed, usedShare }: Budget): string {
  if (usedShare === undefined) return "no product";
  return `${countText(slow)} of ${countText(products)} slower; ${Math.round(usedShare * 100)} % of the ${numbers.format(Math.round(allowed * 10) / 10)} allowed`;
}

/** Percentiles with their labels, e.g. `Time to place, median`. @param bounds of their classes @param products that were measured */
export function percentileRows(label: string, percentiles: Percentiles, bounds: readonly number[], products: number) {
  const slower = products > 0 ? `more than ${durationText(bounds.at(-1) ?? 0)}` : "no product";
  const row = (name: string, bound: number | undefined): [string, string] => [
    `${label}, ${name}`,
    bound === undefined ? slower : `at most ${bound} s`,
  ];
  return [row("median", percentiles.p50), row("95 %", percentiles.p95), row("99 %", percentiles.p99)];
}

/** `718 of 720 hours, with gaps of 12 min`. */
export function recordText(hoursKnown: number, hoursOf: number, gapSeconds: number): string {
  const gaps = gapSeconds > 0 ? `, with gaps of ${durationText(gapSeconds)}` : ", without gaps";
  return `${hoursKnown} of ${hoursOf} hours${hoursKnown > 0 ? gaps : ""}`;
}

/** The report in one sentence, and one more if the public path missed its objective. */
export function verdictOf(report: Report): string {
  const { usedShare = 0, withinSeconds } = report.public?.budget ?? {};
  const late =
    usedShare > 1 ? ` On the public path, more than allowed took more than ${withinSeconds} s to be delivered.` : "";
  return `${radarVerdict(report)}${late}`;
}

function radarVerdict({ announced, unknown, overdue, repeated, deadLetters, budgets, hoursKnown }: Report): string {
  if (hoursKnown === 0) return "No auditor has a record of this month.";
  if (announced === 0) return "No product was announced.";
  const problems = [
    ...(overdue > 0 ? [`${countText(overdue)} overdue`] : []),
    ...(repeated > 0 ? [`${countText(repeated)} placed twice`] : []),
    ...(deadLetters > 0 ? [`${countText(deadLetters)} became dead letters`] : []),
    ...budgets
      .filter(({ usedShare = 0 }) => usedShare > 1)
      .map(({ withinSeconds }) => `more than allowed were slower than ${withinSeconds} s`),
  ];
  const open = unknown > 0 ? ` The auditor can't know about ${countText(unknown)}.` : "";
  if (problems.length === 0) return `All ${countText(announced - unknown)} products were placed once, in time.${open}`;
  return `Of ${countText(announced)} products: ${problems.join(", ")}.${open}`;
}
