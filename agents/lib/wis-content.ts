import { createHash, type Hash } from "node:crypto";
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

/** Compares a product, fetched or embedded, with the size and the checksum in its notification, chunk by chunk. */
export class IntegrityCheck {
  readonly #sizeBytes: number | undefined;
  readonly #stated: { readonly method: string; readonly value: string } | undefined;
  readonly #hash: Hash | undefined;
  #bytes = 0;

  constructor({ sizeBytes, sum, wis }: Announcement) {
    const ownSum = sum?.method === "sha512" ? Buffer.from(sum.value, "hex").toString("base64") : undefined;
    this.#sizeBytes = sizeBytes;
    this.#stated = ownSum === undefined ? wis?.integrity : { method: "sha512", value: ownSum };
    this.#hash = this.#stated && createHash(this.#stated.method);
  }

  update(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    this.#hash?.update(chunk);
  }

  /** Call it once, at the end. @returns bad with the difference; good also if the notification has neither */
  result(): Result<"checked" | "nothing to check"> {
    const [bytes, sizeBytes, stated] = [this.#bytes, this.#sizeBytes, this.#stated];
    if (sizeBytes !== undefined && bytes !== sizeBytes)
      return bad(`has ${bytes} bytes, but was announced with ${sizeBytes}`);
    if (!stated) return good("nothing to check");
    const digest = digestOf(stated);
    if (!digest)
      return bad(`no content has the announced ${stated.method}: it is not base64 of a checksum of that kind`);
    return this.#hash?.digest().equals(digest) ? good("checked") : bad(`its ${stated.method} is not the announced one`);
  }
}

/** The same for a product in one piece. */
export function checkIntegrity(announcement: Announcement, bytes: Buffer): ReturnType<IntegrityCheck["result"]> {
  const check = new IntegrityCheck(announcement);
  check.update(bytes);
  return check.result();
}

/** The checksum's bytes; undefined if the value is not base64 of as many as the method has. */
export function digestOf({ method, value }: { readonly method: string; readonly value: string }): Buffer | undefined {
  if (!isBase64(value)) return undefined;
  const bytes = Buffer.from(value, "base64");
  return bytes.length === integrityBytes[method as IntegrityMethod] ? bytes : undefined;
}

const isBase64 = (text: string): boolean => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;
