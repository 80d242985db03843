import { z } from "zod";
import { routingKeyBytesMax } from "./topics.ts";

/** More would leave tails no room: a whole topic has 255 bytes. */
const topicPrefixCharactersMax = 100;

/** What agents' configs take for a topic that others follow under: words, without wildcards. */
export const topicPrefix = z
  .string()
  .max(topicPrefixCharactersMax)
  .regex(/^[^.*#\s]+(\.[^.*#\s]+)*$/, "expected words joined by dots, without wildcards");

/** Topic exchange of announcements. */
export const exchangeDefault = "cmc";
/** What dispatchers put out, and pullers share. */
export const pullQueueDefault = "cmc.urp.pull";
/** Announcements come in under this. */
export const inputTopicDefault = "v00.urp.input";
/** The first of each product goes out under this. */
export const notifyTopicDefault = "v00.urp.notify";
/** A puller can't fetch what was announced, and asks for the twin. */
export const alternateTopicDefault = "v00.urp.alternate";
/** The answer to that: the twin's announcement. */
export const twinTopicDefault = "v00.urp.twin";
/** Receipts of pullers: the product is in a receiver queue folder. */
export const pulledTopicDefault = "v00.urp.pulled";
/** Pullers to pullers: who is there, and who has done what is given out again. */
export const peersTopicDefault = "v00.urp.peers";
/** Take-over markers; the host's name follows. */
export const markerTopicDefault = "v00.urp.marker";

/** The queue by which a host's dispatcher knows what goes out, whoever sends it. */
export const ledgerQueueAt = (host: string): string => `${ledgerQueuePrefix}${host}`;
export const ledgerQueuePrefix = "cmc.urp.ledger.";

/** Topics of what a ledger takes. */
export type LedgerSources = Readonly<Record<"notifyTopic" | "twinTopic" | "alternateTopic" | "pulledTopic", string>>;

/** Binding keys of a ledger: all that goes out, and receipts. The marker of its host comes beside them. */
export const ledgerKeys = ({ notifyTopic, twinTopic, alternateTopic, pulledTopic }: LedgerSources): string[] => [
  `${notifyTopic}.#`,
  `${twinTopic}.#`,
  `${alternateTopic}.#`,
  pulledTopic,
];

/**
 * How long the broker keeps a message in a ledger. What is older than the dedup window tells nothing any more: a ledger that nobody reads (a
 * host that is gone) is bounded by it.
 */
export const ledgerLifetime = (dedupWindowSeconds: number) => ({ "x-message-ttl": dedupWindowSeconds * 1000 });

/** Characters of UTF-8 take at most three bytes a UTF-16 unit: shorter keys need no count. */
const surelyShort = Math.floor(routingKeyBytesMax / 3);

/** The words after `prefix` with their leading dot, empty for the prefix alone; undefined where it is another topic. */
export function topicTail(prefix: string, routingKey: string): string | undefined {
  if (!routingKey.startsWith(prefix)) return undefined;
  if (routingKey.length === prefix.length) return "";
  return routingKey.charCodeAt(prefix.length) === 46 ? routingKey.slice(prefix.length) : undefined;
}

/** `prefix` with a tail from `topicTail`; undefined where AMQP has no room for it (255 bytes). Made for 10,000 calls a second. */
export function joinTopic(prefix: string, tail: string): string | undefined {
  const topic = prefix + tail;
  if (topic.length > surelyShort && Buffer.byteLength(topic) > routingKeyBytesMax) return undefined;
  return topic;
}

/** Where a host's markers go. A dot in the host's name would read as a separator: harmless, one host has one topic. */
export function markerTopic(prefix: string, host: string): string {
  return `${prefix}.${host}`;
}

/** Id of one message: the publisher (random per process), and which of its messages. */
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
