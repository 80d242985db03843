import { isMessageIdOf, reasonOf, topicTail } from "../lib/dispatch-topics.ts";
import { type ScannedV00, scanV00 } from "../lib/scan-v00.ts";
import type { LedgerRecord } from "./events.ts";
import { readOddV00 } from "./read-input.ts";

/** What is read of a message in the ledger. */
export interface LedgerMessage {
  readonly routingKey: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly messageId?: string | undefined;
  readonly timestampSeconds?: number | undefined;
}

export interface LedgerTopics {
  readonly notifyTopic: string;
  readonly twinTopic: string;
  readonly alternateTopic: string;
  readonly pulledTopic: string;
  /** The topic with the host's name. */
  readonly marker: string;
}

const keyBytes = 32;

/**
 * Reads what the host's own ledger says. No regex and no JSON: everything that goes out comes by here. Undefined for what says nothing
 * (somebody else's message under a topic of ours): nothing is to be remembered of it.
 */
export class LedgerReader {
  readonly #topics: LedgerTopics;
  readonly #publisherId: string;

  /** `publisherId` begins the message ids of what this process publishes. */
  constructor(topics: LedgerTopics, publisherId: string) {
    this.#topics = topics;
    this.#publisherId = publisherId;
  }

  read(message: LedgerMessage, nowMs: number): LedgerRecord | undefined {
    const { routingKey, body } = message;
    const { notifyTopic, twinTopic, alternateTopic, pulledTopic, marker } = this.#topics;
    if (topicTail(notifyTopic, routingKey) !== undefined) return this.#published(message, nowMs);
    if (routingKey === pulledTopic) return pulled(message, nowMs);
    if (routingKey === marker) return { kind: "marker", token: body.toString("latin1") };
    const key = (scanV00(body) ?? readUnusual(body))?.key;
    if (key === undefined) return undefined;
    if (topicTail(twinTopic, routingKey) !== undefined) return { kind: "twin", key };
    if (topicTail(alternateTopic, routingKey) === undefined) return undefined;
    const reason = reasonOf(message.headers) ?? "not said";
    return { kind: "request", key, routingKey, reason, ...firstArrival(message, nowMs) };
  }

  #published({ body, messageId, timestampSeconds }: LedgerMessage, nowMs: number): LedgerRecord | undefined {
    const read = scanV00(body) ?? readUnusual(body);
    if (!read) return undefined;
    const { key, source, sizeBytes } = read;
    // An older dispatcher says no time.
    const { atMs = nowMs } = firstArrival({ timestampSeconds }, nowMs);
    const ours = isMessageIdOf(this.#publisherId, messageId);
    return { kind: "published", key, source, sizeBytes, atMs, ours };
  }
}

/** A receipt's body is the key alone. */
function pulled(message: LedgerMessage, nowMs: number): LedgerRecord | undefined {
  const { body } = message;
  if (body.length !== keyBytes || !body.every(isHexDigit)) return undefined;
  return { kind: "pulled", key: body.toString("latin1"), ...firstArrival(message, nowMs) };
}

/** Of the product, as the dispatcher that sent it on has said; pullers pass it on. Where a host's clock is ahead, not later than now. */
function firstArrival({ timestampSeconds }: Pick<LedgerMessage, "timestampSeconds">, nowMs: number): { atMs?: number } {
  return timestampSeconds === undefined ? {} : { atMs: Math.min(timestampSeconds * 1000, nowMs) };
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
}

/** Written otherwise than the radar servers write: the codec has the word. */
function readUnusual(body: Buffer): ScannedV00 | undefined {
  const read = readOddV00(body);
  return read.ok ? read.value : undefined;
}
