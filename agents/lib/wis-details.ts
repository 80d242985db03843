import type { Notification } from "./wis-notification.ts";

/** Facts about a product that only WIS2 notifications have. The codec fills in what is left out. */
export interface WisDetails {
  /** Default: derived from the product; see `notificationId`. */
  readonly id?: string;
  /** The product's name within its data set; default: its path. */
  readonly dataId?: string;
  /** Id of the discovery metadata record of the data set. */
  readonly metadataId?: string;
  /** Whether the product is new, replaces one of the same `dataId`, or is gone. Default: canonical. */
  readonly relation?: "canonical" | "update" | "deletion";
  /** Default: null, unknown. */
  readonly geometry?: Notification["geometry"];
  /** Time of the data, or its first and last, since 1970; may be negative. Default: null, unknown. */
  readonly dataTimeMs?: number | { readonly fromMs: number; readonly toMs: number } | null;
  /** Checksum of the content by another method than sha512, which is the announcement's `sum`; base64 as the message has it. */
  readonly integrity?: { readonly method: string; readonly value: string };
  /** The product's bytes. They are embedded if their base64 is shorter than 4,096 bytes and the message has room. */
  readonly content?: Buffer;
}
