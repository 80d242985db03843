import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { Announcement } from "./announcement.ts";
import { bad, good, type Result } from "./result.ts";
import {
  contentMax,
  embeddedBytesMax,
  type IntegrityMethod,
  integrityBytes,
  type Notification,
} from "./wis-notification.ts";

type Content = NonNullable<Notification["properties"]["content"]>;

/** @returns nothing if it is too long to be embedded; the standard counts the encoded form. */
export function formatContent(bytes: Buffer): Content | undefined {
  if (bytes.length > embeddedBytesMax) return undefined;
  return { encoding: "base64", size: bytes.length, value: bytes.toString("base64") };
}

/** The embedded bytes. A `gzip` value is base64 of the compressed bytes, and expands to at most 4,096. */
export function embeddedContent(content: Content | undefined): Result<Buffer | undefined> {
  if (!content) return good(undefined);
  const bytes = decoded(content);
  if (!bytes) return bad(`value: is not ${content.encoding}`);
  if (bytes.length === content.size) return good(bytes);
  return bad(`size: is ${content.size}, but the value has ${bytes.length} bytes`);
}

function decoded({ encoding, value }: Content): Buffer | undefined {
  if (encoding === "utf-8") return Buffer.from(value);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0) return undefined;
  const bytes = Buffer.from(value, "base64");
  if (encoding === "base64") return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: contentMax });
  } catch {
    // Not gzip, or larger than the standard allows: the message's fault.
    return undefined;
  }
}

/**
 * Compares a product, fetched or embedded, with the size and the checksum in its notification.
 * @returns bad with the difference; good also if the notification has neither
 */
export function checkIntegrity(
  { sizeBytes, sum, wis }: Announcement,
  bytes: Buffer,
): Result<"checked" | "nothing to check"> {
  if (sizeBytes !== undefined && bytes.length !== sizeBytes)
    return bad(`has ${bytes.length} bytes, but was announced with ${sizeBytes}`);
  const stated =
    sum?.method === "sha512"
      ? { method: sum.method, value: Buffer.from(sum.value, "hex") }
      : integrityOf(wis?.integrity);
  if (!stated) return good("nothing to check");
  const actual = createHash(stated.method).update(bytes).digest();
  return actual.equals(stated.value) ? good("checked") : bad(`its ${stated.method} is not the announced one`);
}

function integrityOf(integrity: { readonly method: string; readonly value: string } | undefined) {
  if (!integrity || !(integrity.method in integrityBytes)) return undefined;
  return { method: integrity.method as IntegrityMethod, value: Buffer.from(integrity.value, "base64") };
}
