import type { Marks } from "./headers.ts";
import { joinLines, linesIn } from "./joined-lines.ts";
import type { Message } from "./subscription.ts";

/** A puller's report of one product. */
export interface Receipt {
  readonly key: string;
  /** Of the pulled announcement: the product's first arrival, in whole seconds since 1970. */
  readonly timestampSeconds?: number | undefined;
  /** When this puller placed it; undefined: it had been placed before, by this puller or another one. */
  readonly placedMs?: number | undefined;
  /** When its file was complete, as announced. */
  readonly closedMs?: number | undefined;
}

/** What is read of a receipt's message. */
export type ReceiptMessage = Pick<Message, "body" | "marks" | "messageId" | "timestampSeconds">;

/** Receipts in one message at most: their lines have up to 78 bytes. */
export const receiptsMax = 50;
const format = { firstLine: "receipts 2", max: receiptsMax, lineBytesMax: 80 };
const lineText = /^([0-9a-f]{32}) (-|\d{1,12}) (-|[1-9]\d{0,14}) (-|[1-9]\d{0,14})$/;

/**
 * The body of a message with several receipts: a line with the format and its version, then a line for each, with key, first arrival, and when the
 * product was placed and closed. `-` stands for an unknown time, and for a product that was placed before.
 */
export function formatReceipts(receipts: readonly Receipt[]): Buffer {
  const lines = receipts.map(({ key, timestampSeconds, placedMs, closedMs }) =>
    [key, ...[timestampSeconds, placedMs, closedMs].map((time) => time ?? "-")].join(" "),
  );
  return joinLines(format, lines);
}

/**
 * The receipts in a message, each as if it had come alone. A message in another format is returned as it is: the format with one receipt is the key,
 * and the rest in marks. Lines that are none are left out. What they share, such as the host, is in the marks of all.
 */
export function receiptsIn(message: ReceiptMessage): readonly ReceiptMessage[] {
  const { body, marks, messageId } = message;
  const lines = linesIn(format, body);
  if (!lines) return [message];
  return lines.flatMap((line) => {
    const [, key, first, placed, closed] = lineText.exec(line) ?? [];
    if (key === undefined) return [];
    const done: Marks = placed === "-" ? { before: true } : { placedMs: Number(placed) };
    const own = { ...marks, ...done, ...(closed === "-" ? {} : { closedMs: Number(closed) }) };
    const timestampSeconds = first === "-" ? undefined : Number(first);
    return [{ body: Buffer.from(key), marks: own, messageId, timestampSeconds }];
  });
}
