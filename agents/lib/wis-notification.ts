import * as z from "zod";
import { bad, good, type Result } from "./result.ts";

/** WNM 1.3, 1.8 and 1.13: RFC 3339, in UTC. */
const time = z.iso
  .datetime({ offset: true, error: "expected a time of RFC 3339" })
  .refine(
    (text) => /:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]00:00)$/.test(text) && !Number.isNaN(Date.parse(text)),
    "expected a time in UTC",
  );
const position = z.array(z.number()).min(2);
const point = z.looseObject({ type: z.literal("Point"), coordinates: position });
const polygon = z.looseObject({ type: z.literal("Polygon"), coordinates: z.array(z.array(position).min(4)) });

/** Bytes of the checksum by method; its value is base64. */
export const integrityBytes = {
  sha256: 32,
  sha384: 48,
  sha512: 64,
  "sha3-256": 32,
  "sha3-384": 48,
  "sha3-512": 64,
} as const;
export type IntegrityMethod = keyof typeof integrityBytes;

/** A value that can't be the checksum is read: the product then fails at verification, see `checkIntegrity`. */
const integrity = z.looseObject({
  method: z.enum(Object.keys(integrityBytes) as [IntegrityMethod, ...IntegrityMethod[]]),
  value: z.string(),
});

/** WNM 1.3, 1.16: characters of the value, and bytes of the file. */
export const contentMax = 4096;
/** Bytes whose base64 is shorter than that. */
export const embeddedBytesMax = 3069;
const content = z.looseObject({
  encoding: z.enum(["utf-8", "base64", "gzip"]),
  size: z.int().nonnegative().max(contentMax),
  value: z.string().max(contentMax),
});

const link = z.looseObject({
  rel: z.string(),
  href: z.string(),
  type: z.string().optional(),
  hreflang: z.string().optional(),
  title: z.string().optional(),
  length: z.int().nonnegative().optional(),
  security: z.looseObject({}).optional(),
});
/** Of the link to the product itself. */
export const ownRelations: ReadonlySet<string> = new Set(["canonical", "update", "deletion"]);
/** WNM 1.3, 1.5. Older notifications have `version` v04 instead, and are read as well. */
export const coreConformance = "http://wis.wmo.int/spec/wnm/1/conf/core";

const properties = z
  .looseObject({
    pubtime: time,
    data_id: z.string(),
    metadata_id: z.string().optional(),
    producer: z.string().optional(),
    "global-cache": z.string().optional(),
    datetime: time.nullable().optional(),
    start_datetime: time.optional(),
    end_datetime: time.optional(),
    cache: z.boolean().optional(),
    integrity: integrity.optional(),
    content: content.optional(),
  })
  .superRefine(({ datetime, start_datetime, end_datetime }, context) => {
    const isRange = start_datetime !== undefined && end_datetime !== undefined;
    if ((datetime !== undefined) !== isRange) return;
    const message = "expected either datetime, or start_datetime and end_datetime";
    context.addIssue({ code: "custom", path: ["datetime"], message });
  });

/**
 * The rules of the published schema (`docs/subscribe/wis2-notification-message.json`) that concern a product, and those that only the
 * standard's text has: times in UTC, one link to the product itself. Unknown keys are allowed.
 */
const notification = z
  .looseObject({
    id: z.guid("expected a UUID"),
    conformsTo: z
      .array(z.unknown())
      .refine((list) => list.includes(coreConformance), "expected WNM 1, core")
      .optional(),
    version: z.literal("v04").optional(),
    type: z.literal("Feature"),
    geometry: z.discriminatedUnion("type", [point, polygon]).nullable(),
    properties,
    links: z.array(link).min(1),
  })
  .superRefine(({ conformsTo, version, links }, context) => {
    if ((conformsTo === undefined) === (version === undefined)) {
      const message = "expected either conformsTo or version";
      context.addIssue({ code: "custom", path: ["conformsTo"], message });
    }
    if (links.filter(({ rel }) => ownRelations.has(rel)).length > 1) {
      context.addIssue({ code: "custom", path: ["links"], message: "expected one canonical, update or deletion link" });
    }
  });

export type Notification = z.infer<typeof notification>;

/** @returns bad with the path of the first fault, e.g. `wis properties.pubtime: expected a time in UTC` */
export function readNotification(json: unknown): Result<Notification> {
  const read = notification.safeParse(json);
  if (read.success) return good(read.data);
  const issue = read.error.issues[0];
  return bad(`wis ${issue?.path.join(".") || "body"}: ${issue?.message ?? "not valid"}`);
}
