import { z } from "zod";
import { routingKeyBytesMax } from "./topics.ts";

/** More would leave tails no room: a whole topic has 255 bytes. */
const topicPrefixCharactersMax = 100;

/** What agents' configs take for a topic that others follow under: words, without wildcards. */
export const topicPrefix = z
  .string()
  .max(topicPrefixCharactersMax)
  .regex(/^[^.*#\s]+(\.[^.*#\s]+)*$/, "expected words joined by dots, without wildcards");

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
