import * as z from "zod";
import { routingKeyBytesMax } from "./topics.ts";

/** A longer prefix would leave no room for tails: a topic has at most 255 bytes. */
const topicPrefixCharactersMax = 100;

/** A topic prefix in an agent's config: words without wildcards. */
export const topicPrefix = z
  .string()
  .max(topicPrefixCharactersMax)
  .regex(/^[^.*#\s]+(\.[^.*#\s]+)*$/, "expected words joined by dots, without wildcards");

/** Topic exchange of announcements. */
export const exchangeDefault = "cmc";
/** The queue that dispatchers feed and pullers share. */
export const pullQueueDefault = "cmc.urp.pull";
/** Announcements arrive under this prefix. */
export const inputTopicDefault = "v00.urp.input";
/** The first announcement of each product is published under this prefix. */
export const notifyTopicDefault = "v00.urp.notify";
/** A puller that can't fetch an announced file requests the twin under this prefix. */
export const alternateTopicDefault = "v00.urp.alternate";
/** The answer to such a request: the twin's announcement. */
export const twinTopicDefault = "v00.urp.twin";
/** Announcers' copies of confirmed announcements, for auditors. */
export const announcedTopicDefault = "v00.urp.announced";
/** Pullers' receipts: the product is in a receiver queue folder. */
export const pulledTopicDefault = "v00.urp.pulled";
/** Messages between pullers: which of them run, and what each has done with redelivered products. */
export const peersTopicDefault = "v00.urp.peers";
/** Takeover markers; the host's name follows. */
export const markerTopicDefault = "v00.urp.marker";

/** The queue by which a host's dispatcher knows everything that is published, by whichever dispatcher. */
export const ledgerQueueAt = (host: string): string => `${ledgerQueuePrefix}${host}`;
export const ledgerQueuePrefix = "cmc.urp.ledger.";

/** The topics that a ledger receives. */
export type LedgerSources = Readonly<Record<"notifyTopic" | "twinTopic" | "alternateTopic" | "pulledTopic", string>>;

/** Binding keys of a ledger: everything published, and receipts. The marker of its host is bound in addition. */
export const ledgerKeys = ({ notifyTopic, twinTopic, alternateTopic, pulledTopic }: LedgerSources): string[] => [
  `${notifyTopic}.#`,
  `${twinTopic}.#`,
  `${alternateTopic}.#`,
  pulledTopic,
];

/** A dispatcher leaves the last message of its ledger there: if it is missing at the next start, the ledger was deleted or purged. */
export const ledgerKeptMessages = 1;

/**
 * How long the broker keeps a message in a ledger. Messages older than the dedup window are worthless, so this bounds a ledger
 * that is not read because its host is gone.
 */
export const ledgerLifetime = (dedupWindowSeconds: number) => ({ "x-message-ttl": dedupWindowSeconds * 1000 });

/** How long a product is the same product. Dispatchers decide by it, auditors count by it. */
export const dedupWindowSeconds = z
  .int()
  .min(1)
  .max(604_800)
  .default(7200)
  .describe("how long a product's name is remembered after its first arrival");

/** The queue by which a host's auditor knows what was announced, published and placed. */
export const auditQueueAt = (host: string): string => `cmc.urp.audit.${host}`;

/** The topics that an auditor reads. */
export type AuditSources = Readonly<Record<"announcedTopic" | "notifyTopic" | "twinTopic" | "pulledTopic", string>>;

/**
 * Binding keys of an auditor's queue; all dead letters are bound in addition. Announcements are not: with another queue bound to them, the broker
 * would no longer return one that reaches no dispatcher, and its announcer would not send it again.
 */
export const auditKeys = ({ announcedTopic, notifyTopic, twinTopic, pulledTopic }: AuditSources): string[] => [
  announcedTopic,
  `${notifyTopic}.#`,
  `${twinTopic}.#`,
  pulledTopic,
];

/**
 * The broker drops the oldest messages beyond this number, so that an auditor that is away fills no disk: with about 600 bytes each, 430 MB. No limit
 * in bytes, because the broker would not show that it was reached. Both queue types drop at the head; they count messages that are not delivered.
 */
export const auditLimit = (messagesMax: number) => ({ "x-max-length": messagesMax, "x-overflow": "drop-head" });

/** UTF-8 has at most three bytes per UTF-16 unit, so shorter keys need no count. */
const surelyShort = Math.floor(routingKeyBytesMax / 3);

/** The words after `prefix` with their leading dot, empty for the prefix alone; undefined for another topic. */
export function topicTail(prefix: string, routingKey: string): string | undefined {
  if (!routingKey.startsWith(prefix)) return undefined;
  if (routingKey.length === prefix.length) return "";
  return routingKey.charCodeAt(prefix.length) === 46 ? routingKey.slice(prefix.length) : undefined;
}

/** `prefix` with a tail from `topicTail`; undefined if AMQP has no room for it (255 bytes). Fast enough for 10,000 calls a second. */
export function joinTopic(prefix: string, tail: string): string | undefined {
  const topic = prefix + tail;
  if (topic.length > surelyShort && Buffer.byteLength(topic) > routingKeyBytesMax) return undefined;
  return topic;
}

/** The topic of a host's markers. A dot in the host's name reads as a separator, which is harmless: one host has one topic. */
export function markerTopic(prefix: string, host: string): string {
  return `${prefix}.${host}`;
}

/** Id of one message: the publisher (random per process) and the message's number. */
export function formatMessageId(publisherId: string, sequence: number): string {
  return `${publisherId}-${sequence.toString(36)}`;
}

/** Whether `formatMessageId` made this id for that publisher. */
export function isMessageIdOf(publisherId: string, messageId: unknown): boolean {
  return (
    typeof messageId === "string" &&
    messageId.length > publisherId.length &&
    messageId.charCodeAt(publisherId.length) === 45 &&
    messageId.startsWith(publisherId)
  );
}
