import * as z from "zod";
import type { Announcement, Codec, ReceivedMessage, WireMessage } from "./announcement.ts";
import {
  bodyBytesMax,
  bodyText,
  checkAddress,
  checkPeerAddress,
  escapePath,
  nothingToFetch,
  parseJson,
} from "./announcement.ts";
import { bad, good, type Result } from "./result.ts";
import { formatStamp, parseStamp } from "./stamp.ts";

type Sum = NonNullable<Announcement["sum"]>;

/** Unknown keys are allowed: v03 messages carry whatever their sources add. */
const v03Body = z.looseObject({
  pubTime: z.string(),
  baseUrl: z.string(),
  relPath: z.string(),
  size: z.int().nonnegative().optional(),
  identity: z.looseObject({ method: z.string(), value: z.string() }).optional(),
  fileOp: z.looseObject({}).optional(),
  retrievePath: z.string().optional(),
  rename: z.string().optional(),
  blocks: z.unknown().optional(),
});
/** Of sr3's `fileOp`. */
const operationsWithoutFile = ["remove", "rmdir", "directory", "link", "hlink"];
const hexDigits: Readonly<Record<string, number>> = { md5: 32, sha512: 128 };

/**
 * v03: a JSON object; `identity.value` is base64 of the digest, or the text itself for `cod`. The path is plain text, because
 * JSON has its own escapes. Carries pubTimeMs, baseUrl, relPath, sizeBytes, sum.
 */
export const codecV03: Codec = {
  format(announcement: Announcement): Result<WireMessage> {
    const { baseUrl, relPath, sizeBytes, sum, pubTimeMs } = announcement;
    if (pubTimeMs === undefined) return bad("v03 needs the time of publication");
    const pubTime = formatStamp(pubTimeMs, "T");
    if (!pubTime.ok) return pubTime;
    const address = checkAddress(baseUrl, relPath.toWellFormed());
    if (!address.ok) return address;
    const identity = sum ? formatIdentity(sum) : good(undefined);
    if (!identity.ok) return identity;
    const body = Buffer.from(
      JSON.stringify({ pubTime: pubTime.value, ...address.value, size: sizeBytes, identity: identity.value }),
    );
    if (body.length > bodyBytesMax) return bad(`path is too long: the announcement would have ${body.length} bytes`);
    return good({ body, headers: {}, contentType: "application/json" });
  },

  parse(message: ReceivedMessage): Result<Announcement> {
    const text = bodyText(message.body);
    if (!text.ok) return text;
    const json = parseJson(text.value);
    if (!json.ok) return json;
    const read = v03Body.safeParse(json.value);
    if (!read.success) {
      const issue = read.error.issues[0];
      return bad(`v03 ${issue?.path.join(".") || "body"}: ${issue?.message ?? "not valid"}`);
    }
    const { pubTime, baseUrl, relPath, size, identity, fileOp = {}, retrievePath, rename = "", blocks } = read.data;
    // A renamed file exists under the announced path.
    if (operationsWithoutFile.some((operation) => operation in fileOp)) return bad(nothingToFetch);
    if (blocks !== undefined) return bad("v03 blocks: it announces a part of a file, with the part's size");
    // As sr3 forwards our v02: its relPath is still escaped.
    const isOurs = rename !== "" && retrievePath === escapePath(rename);
    if (retrievePath !== undefined && !isOurs)
      return bad("v03 retrievePath: the product must be fetched under another path than its own");
    const pubTimeMs = parseStamp(pubTime);
    if (!pubTimeMs.ok) return pubTimeMs;
    const address = checkPeerAddress(baseUrl, isOurs ? rename : relPath);
    if (!address.ok) return address;
    const sum = identity ? parseIdentity(identity.method, identity.value) : good(undefined);
    if (!sum.ok) return sum;
    return good({
      ...address.value,
      pubTimeMs: pubTimeMs.value,
      ...(size === undefined ? {} : { sizeBytes: size }),
      ...(sum.value ? { sum: sum.value } : {}),
    });
  },
};

function formatIdentity(sum: Sum): Result<{ method: string; value: string }> {
  if (sum.method === "cod") return good(sum as { method: string; value: string });
  if (sum.method === "md5-of-name") return bad("v03 can't carry a sum of the name");
  return good({ method: sum.method, value: Buffer.from(sum.value, "hex").toString("base64") });
}

function parseIdentity(method: string, value: string): Result<Sum | undefined> {
  if (method === "cod") return good({ method, value });
  // An unknown method is not the message's fault; the sum just can't be checked.
  if (method !== "md5" && method !== "sha512") return good(undefined);
  const hex = Buffer.from(value, "base64").toString("hex");
  return hex.length === hexDigits[method]
    ? good({ method, value: hex })
    : bad(`identity.value is not a valid ${method}`);
}
