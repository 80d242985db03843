import { isMessageIdOf, type LedgerSources, topicTail } from "../lib/dispatch-topics.ts";
import type { Marks } from "../lib/headers.ts";
import { readV00 } from "../lib/read-v00.ts";
import { type ReceiptMessage, receiptsIn } from "../lib/receipts.ts";
import type { ClockDifference } from "./clock-difference.ts";
import type { LedgerRecord } from "./events.ts";

/** What is read of a message in the ledger. */
export interface LedgerMessage {
  readonly routingKey: string;
  readonly body: Buffer;
  readonly marks: Marks;
  readonly messageId?: string | undefined;
  readonly timestampSeconds?: number | undefined;
}

export interface LedgerTopics extends LedgerSources {
  /** The topic with the host's name. */
  readonly marker: string;
}

const keyBytes = 32;

/**
 * Reads this host's ledger. It uses no regex and no JSON, because everything published passes here. Returns undefined for a
 * message that is not a record, such as another program's message under one of our topics: nothing is remembered of it.
 */
export class LedgerReader {
  readonly #topics: LedgerTopics;
  readonly #publisherId: string;
  readonly #difference: ClockDifference;

  /** `publisherId` begins the message ids of what this process publishes. The times of all other publishes go to `difference`. */
  constructor(topics: LedgerTopics, publisherId: string, difference: ClockDifference) {
    this.#topics = topics;
    this.#publisherId = publisherId;
    this.#difference = difference;
  }

  /** A message has one record, or receipts of several products. None: it is not valid. */
  read(message: LedgerMessage, nowMs: number): readonly LedgerRecord[] {
    if (message.routingKey === this.#topics.pulledTopic)
      return receiptsIn(message).flatMap((receipt) => this.#pulled(receipt, nowMs) ?? []);
    const record = this.#single(message, nowMs);
    return record ? [record] : [];
  }

  #single(message: LedgerMessage, nowMs: number): LedgerRecord | undefined {
    const { routingKey, body } = message;
    const { notifyTopic, twinTopic, alternateTopic, marker } = this.#topics;
    if (topicTail(notifyTopic, routingKey) !== undefined) return this.#published(message, nowMs);
    if (routingKey === marker) return { kind: "marker", token: body.toString("latin1") };
    const read = readV00(body);
    if (!read.ok) return undefined;
    const { key, source } = read.value;
    if (topicTail(twinTopic, routingKey) !== undefined) {
      const { alternate: reason = "no reason given", closedMs } = message.marks;
      return { kind: "twin", key, source, routingKey, reason, closedMs };
    }
    if (topicTail(alternateTopic, routingKey) === undefined) return undefined;
    const { reason = "no reason given", closedMs } = message.marks;
    return { kind: "request", key, source, routingKey, reason, closedMs, ...this.#firstArrival(message, nowMs) };
  }

  #published({ body, messageId, timestampSeconds }: LedgerMessage, nowMs: number): LedgerRecord | undefined {
    const read = readV00(body);
    if (!read.ok) return undefined;
    const { key, source, sizeBytes } = read.value;
    const ours = isMessageIdOf(this.#publisherId, messageId);
    if (!ours && timestampSeconds !== undefined) this.#difference.seen(timestampSeconds * 1000, nowMs);
    // An older dispatcher sends no time.
    const { atMs = nowMs } = this.#firstArrival({ timestampSeconds }, nowMs, ours);
    return { kind: "published", key, source, sizeBytes, atMs, ours };
  }

  /** A receipt's body is the key only. */
  #pulled(message: ReceiptMessage, nowMs: number): LedgerRecord | undefined {
    const { body } = message;
    if (body.length !== keyBytes || !body.every(isHexDigit)) return undefined;
    return { kind: "pulled", key: body.toString("latin1"), ...this.#firstArrival(message, nowMs) };
  }

  /**
   * The product's first arrival as reported by the dispatcher that published it, corrected for the difference between its clock
   * and ours. Pullers pass it on. Never later than now.
   */
  #firstArrival(
    { timestampSeconds }: Pick<LedgerMessage, "timestampSeconds">,
    nowMs: number,
    ours = false,
  ): { atMs?: number } {
    if (timestampSeconds === undefined) return {};
    const offsetMs = ours ? 0 : this.#difference.offsetMs(nowMs);
    return { atMs: Math.min(timestampSeconds * 1000 + offsetMs, nowMs) };
  }
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
}
