import * as z from "zod";
import { productKey } from "./announcement.ts";

/** Version of the answers. A later one may add keys; a change of meaning changes it. */
export const auditAnswersVersion = 1;

const timeMs = z.number();

/** A product as the auditor knows it. Times are milliseconds since 1970 by the auditor's clock, except `closedMs`. */
const auditedProduct = z.object({
  /** md5 in hex, by which announcements and dispatchers identify a product. */
  key: z.string(),
  /** As announced, escaped as in a URL, cut to 255 bytes; empty if only receipts are known. */
  path: z.string(),
  /** `unknown`: a receipt may have been missed. `late`: placed, after it was overdue. `seen`: neither announced nor dispatched, as far as is known. */
  state: z.enum(["seen", "waiting", "overdue", "unknown", "placed", "late"]),
  firstMs: timeMs,
  announcedMs: timeMs.optional(),
  /** Host of the announced URL. */
  announcedBy: z.string().optional(),
  /** The other radar server's announcement. */
  secondMs: timeMs.optional(),
  secondBy: z.string().optional(),
  /** When its file was complete, by the radar server's clock. */
  closedMs: timeMs.optional(),
  dispatchedMs: timeMs.optional(),
  /** Its twin was sent to the pullers. */
  twinMs: timeMs.optional(),
  placedMs: timeMs.optional(),
  /** Host of the puller that reported it first. */
  puller: z.string().optional(),
  dispatchedAgain: z.boolean(),
  repeated: z.boolean(),
  /** It can't be known whether it was placed, or placed once. */
  unsure: z.boolean(),
});

export type AuditedProduct = z.infer<typeof auditedProduct>;

const common = {
  version: z.number().int().min(auditAnswersVersion),
  /** Whether the auditor currently knows what happens to products. */
  knows: z.boolean(),
};

/** The answer to `/products?name=…`: none or one, with its last ten dead letters. */
export const productsAnswer = z.object({
  ...common,
  products: z.array(
    auditedProduct.extend({ deadLetters: z.array(z.object({ atMs: timeMs, reason: z.string() })).readonly() }),
  ),
});
export type ProductsAnswer = z.infer<typeof productsAnswer>;

/** The answer to `/overdue`: products that are late and not placed, the oldest first; `more` if there are more than are listed. */
export const overdueAnswer = z.object({ ...common, products: z.array(auditedProduct), more: z.boolean() });
export type OverdueAnswer = z.infer<typeof overdueAnswer>;

/** The answer to a question that can't be answered, with status 400 or 503. */
export const refusedAnswer = z.object({ version: common.version, error: z.string() });
export type RefusedAnswer = z.infer<typeof refusedAnswer>;

/** Of a file's name, AMQP's and the file systems' limit. */
const nameBytesMax = 4096;

/** The key of a product by its name, its path, or its key; undefined for what is none of them. */
export function keyOfName(name: string): string | undefined {
  if (name === "" || Buffer.byteLength(name) > nameBytesMax) return undefined;
  if (/^[0-9a-f]{32}$/i.test(name)) return name.toLowerCase();
  const fileName = name.slice(name.lastIndexOf("/") + 1);
  return fileName === "" ? undefined : productKey(fileName);
}
