import { productName } from "../../agents/lib/announcement.ts";

/**
 * Names of radar products as the URPs give them:
 * `201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902`. The first five colon-separated
 * fields are the product name, on which both URPs agree; what follows `::` is the reception stamp, which is each URP's own.
 */
export interface ProductIdentity {
  /** When the radar looked; its minute is in the name. */
  readonly observed: Date;
  /** What was made of it, e.g. `PA,60,10,PA_PRECIPET,MM_HR,MM`. */
  readonly type: string;
  /** The radar, e.g. `IWA`; also the name of the folder. */
  readonly site: string;
}

const nameFields = 5;
const minuteDigits = 12;
const secondDigits = 14;
const dayDigits = 8;

/** Minutes in the window of observation times that `firstObservationOf` turns through: a minute for each second of a day. */
const secondsPerDay = 86_400;
const minuteMs = 60_000;

function digits(time: Date, count: number): string {
  return time
    .toISOString()
    .replace(/[^0-9]/g, "")
    .slice(0, count);
}

export function formatProductName({ observed, type, site }: ProductIdentity): string {
  return `${digits(observed, minuteDigits)}~~${type}:URP:${site}:RADAR:META`;
}

export function formatFileName(product: string, received: Date): string {
  return `${product}::${digits(received, secondDigits)}`;
}

/** The folder below the db tree, e.g. `20150120/RADAR/URP/IWA`. */
export function formatFolder(observed: Date, site: string): string {
  return `${digits(observed, dayDigits)}/RADAR/URP/${site}`;
}

/** Whether a name has the five fields of a product name. */
export function isProductName(name: string): boolean {
  const fields = productName(name).split(":");
  return fields.length === nameFields && fields.every((field) => field !== "");
}

/**
 * The observation time for products written from `start` on. A dispatcher lets each product name through once in its
 * window (hours), so two runs soon after each other must not share names, and nothing but the clock can tell them apart:
 * each second of today stands for a minute of the last 60 days.
 */
export function firstObservationOf(start: Date): Date {
  const midnightMs = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate());
  const secondOfDay = Math.floor((start.getTime() - midnightMs) / 1000);
  return new Date(midnightMs - (secondsPerDay - secondOfDay) * minuteMs);
}
