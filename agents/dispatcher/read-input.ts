import { codecs } from "../lib/codecs.ts";
import { bad, good, type Result } from "../lib/result.ts";
import type { ScannedV00 } from "../lib/scan-v00.ts";

/** For what `scanV00` leaves open: written oddly, but valid, or what is wrong with it. */
export function readOddV00(body: Buffer): Result<ScannedV00> {
  const parsed = codecs.v00.parse({ body });
  if (!parsed.ok) return parsed;
  const { key, baseUrl, sizeBytes } = parsed.value;
  if (key === undefined) return bad("announcement has no key");
  return good({ key, source: new URL(baseUrl).host, sizeBytes: sizeBytes ?? 0 });
}
