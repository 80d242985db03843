import { scrapeSeconds } from "./scope.ts";

// Values of a series in promtool's notation, one for each scrape.

const scrapes = (seconds: number, stepSeconds: number): number => {
  const count = seconds / stepSeconds;
  if (!Number.isInteger(count) || count < 1) throw new TypeError(`${seconds} s are no scrapes of ${stepSeconds} s`);
  return count;
};

/** The same value for so many seconds. */
export const flat = (value: number, seconds: number, stepSeconds = scrapeSeconds): string =>
  `${value}+0x${scrapes(seconds, stepSeconds) - 1}`;

/** Starts at a value and grows with each scrape. */
export const rise = (from: number, by: number, seconds: number, stepSeconds = scrapeSeconds): string =>
  `${from}${by < 0 ? "-" : "+"}${Math.abs(by)}x${scrapes(seconds, stepSeconds) - 1}`;

/** Failed scrapes: the first one ends the series, as Prometheus does. */
export function gone(seconds: number): string {
  const count = scrapes(seconds, scrapeSeconds);
  return count === 1 ? "stale" : `stale _x${count - 1}`;
}
