import { type Marks, markHeaders } from "../lib/headers.ts";
import type { Notice } from "../lib/side-notices.ts";

/** What a receipt is about. */
export interface Receipt {
  readonly key: string;
  /** Of the pulled announcement: the product's first arrival, in whole seconds since 1970. */
  readonly timestampSeconds: number | undefined;
  /** This puller has just placed it; else it had been placed before, by this puller or another one. */
  readonly placed: boolean;
  /** When its file was complete, as announced. */
  readonly closedMs: number | undefined;
}

/**
 * Reports to dispatchers and auditors that a product is in a receiver queue folder. If it is lost, dispatchers wait longer, and may publish the
 * product again.
 *
 * @param host this puller's
 */
export function receiptNotice(
  { key, timestampSeconds, placed, closedMs }: Receipt,
  host: string,
  nowMs: number,
): Notice {
  const done: Marks = placed ? { placedMs: nowMs } : { before: true };
  return {
    body: Buffer.from(key),
    contentType: "text/plain",
    headers: markHeaders({ ...done, host, ...(closedMs === undefined ? {} : { closedMs }) }),
    ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
  };
}
