import { productName } from "../../agents/lib/announcement.ts";

/**
 * Names of radar products as the URPs give them:
 * `201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902`. The first five colon-separated
 * fields are the product name, which is the same on both URPs; after `::` comes the reception stamp, different on each URP.
 */
export interface ProductIdentity {
  /** Time of the radar's observation; its minute is in the name. */
  readonly observed: Date;
  /** The kind of product, e.g. `PA,60,10,PA_PRECIPET,MM_HR,MM`. */
  readonly type: string;
  /** The radar, e.g. `IWA`; also the name of the folder. */
  readonly site: string;
}

const nameFields = 5;
const minuteDigits = 12;
const secondDigits = 14;
const dayDigits = 8;

/** Minutes in the range of observation times that `firstObservationOf` cycles through: one for each second of a day. */
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
 * The observation time for products written from `start` on. A dispatcher forwards each product name once in its
 * window (hours), so two runs in short succession must not share names. Only the clock distinguishes them:
 * each second of today maps to a minute of the last 60 days.
 */
export function firstObservationOf(start: Date): Date {
  const midnightMs = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate());
  const secondOfDay = Math.floor((start.getTime() - midnightMs) / 1000);
  return new Date(midnightMs - (secondsPerDay - secondOfDay) * minuteMs);
}
