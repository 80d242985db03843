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

/**
 * The embedded bytes. A `gzip` value is base64 of the compressed bytes, and expands to at most 4,096. Undefined if they are not as
 * the message says: the product is also at its URL.
 */
export function embeddedContent(content: Content | undefined): Buffer | undefined {
  const bytes = content && decoded(content);
  return bytes?.length === content?.size ? bytes : undefined;
}

function decoded({ encoding, value }: Content): Buffer | undefined {
  if (encoding === "utf-8") return Buffer.from(value);
  if (!isBase64(value)) return undefined;
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
      ? { method: sum.method, value: Buffer.from(sum.value, "hex").toString("base64") }
      : wis?.integrity;
  if (!stated) return good("nothing to check");
  const digest = digestOf(stated);
  if (!digest) return bad(`no content has the announced ${stated.method}: it is not base64 of a checksum of that kind`);
  const actual = createHash(stated.method).update(bytes).digest();
  return actual.equals(digest) ? good("checked") : bad(`its ${stated.method} is not the announced one`);
}

/** The checksum's bytes; undefined if the value is not base64 of as many as the method has. */
export function digestOf({ method, value }: { readonly method: string; readonly value: string }): Buffer | undefined {
  if (!isBase64(value)) return undefined;
  const bytes = Buffer.from(value, "base64");
  return bytes.length === integrityBytes[method as IntegrityMethod] ? bytes : undefined;
}

const isBase64 = (text: string): boolean => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;
