import type { Budget, Report } from "./month.ts";

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

/** The report in one sentence. */
export function verdictOf({ announced, unknown, overdue, repeated, deadLetters, budgets, hoursKnown }: Report): string {
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
