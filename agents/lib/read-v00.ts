import { codecs } from "./codecs.ts";
import { bad, good, type Result } from "./result.ts";
import { type ScannedV00, scanV00 } from "./scan-v00.ts";

/**
 * The part of an announcement that a decision needs, or why it can't be read. Where `scanV00` is undecided, the codec decides.
 */
export function readV00(body: Buffer): Result<ScannedV00> {
  const scanned = scanV00(body);
  if (scanned) return good(scanned);
  const parsed = codecs.v00.parse({ body });
  if (!parsed.ok) return parsed;
  const { key, baseUrl, sizeBytes } = parsed.value;
  if (key === undefined) return bad("announcement has no key");
  return good({ key, source: new URL(baseUrl).host, sizeBytes: sizeBytes ?? 0 });
}
