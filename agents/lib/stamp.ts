import { bad, good, type Result } from "./result.ts";

/** `YYYYMMDD<separator>HHMMSS.mmm` in UTC; v02 has no separator, v03 a `T`. */
export function formatStamp(timeMs: number, separator: "" | "T"): Result<string> {
  if (!Number.isInteger(timeMs) || timeMs < 0 || timeMs > Date.UTC(9999, 11, 31, 23, 59, 59, 999)) {
    return bad(`time of publication is out of range: ${timeMs}`);
  }
  const iso = new Date(timeMs).toISOString();
  // By position, not by expression: a watcher stamps thousands of files a second.
  const date = iso.slice(0, 4) + iso.slice(5, 7) + iso.slice(8, 10);
  return good(date + separator + iso.slice(11, 13) + iso.slice(14, 16) + iso.slice(17, 23));
}

/**
 * A fraction as sr3 3.3.1 writes it: Python's `f"{seconds % 1:.9g}"` without its first character. That is up to twelve digits. Below
 * 0.0001 s it is an exponent that has lost its first digit (`.5e-05`, `e-06`): the time is then that of the second itself.
 */
const fraction = /(?:\.(?<digits>\d{1,18}))?(?<exponent>e-(?:0[5-9]|[1-9]\d))?/;
const stamp = new RegExp(`^(\\d{4})(\\d{2})(\\d{2})T?(\\d{2})(\\d{2})(\\d{2})${fraction.source}$`);

/** Reads either form, and sr3's, with up to 18 digits of a second, and truncates to milliseconds. */
export function parseStamp(text: string): Result<number> {
  const match = stamp.exec(text);
  if (!match) return bad(`not a time (YYYYMMDDHHMMSS.mmm): ${JSON.stringify(text.slice(0, 40))}`);
  const [, year, month, day, hour, minute, second] = match;
  const { digits = "", exponent } = match.groups ?? {};
  const milliseconds = exponent ? "000" : digits.padEnd(3, "0").slice(0, 3);
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}Z`;
  const timeMs = Date.parse(iso);
  // The second check refuses the 30th of February, which Date.parse moves to March.
  if (Number.isNaN(timeMs) || new Date(timeMs).toISOString() !== iso) return bad(`no such time: ${text}`);
  return good(timeMs);
}
