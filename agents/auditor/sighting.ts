import { createHash } from "node:crypto";
import { type AnnouncedCopy, copiesIn } from "../lib/announced-copies.ts";
import { cutToBytes } from "../lib/cut-to-bytes.ts";
import { type AuditSources, topicTail } from "../lib/dispatch-topics.ts";
import { readV00 } from "../lib/read-v00.ts";
import { type ReceiptMessage, receiptsIn } from "../lib/receipts.ts";
import type { Message } from "../lib/subscription.ts";
import { deadLetterExchange } from "../lib/topology.ts";

/** What a receipt proves. `id`: the same for each copy of a receipt, different for each placing. */
export type Placing =
  | { readonly kind: "placed"; readonly id: string; readonly host: string | undefined; readonly placedMs: number }
  /** Placed before, by whichever puller. */
  | { readonly kind: "before"; readonly host: string | undefined }
  /** From an older puller: placed now or before. */
  | { readonly kind: "unmarked"; readonly id: string };

/** What one message says. Anybody who may publish may have written it. */
export type Sighting =
  | {
      readonly kind: "announced";
      readonly key: string;
      readonly path: string;
      /** Host of the announced URL. */
      readonly source: string;
      readonly closedMs: number | undefined;
    }
  | {
      readonly kind: "dispatched";
      readonly key: string;
      readonly path: string;
      /** The same for each delivery of one publish. */
      readonly id: string;
      /** The dispatcher had perhaps published it before. */
      readonly inDoubt: boolean;
    }
  | { readonly kind: "twin"; readonly key: string; readonly path: string }
  | {
      readonly kind: "placed";
      readonly key: string;
      readonly placing: Placing;
      readonly closedMs: number | undefined;
    }
  | {
      readonly kind: "dead-letter";
      readonly id: string;
      /** Undefined if it is no valid announcement. */
      readonly key: string | undefined;
      readonly reason: string;
    };

/** Sightings that are about a product. */
export type ProductSighting = Exclude<Sighting, { kind: "dead-letter" }>;

/** What is read of a message. */
export type AuditMessage = Pick<
  Message,
  "exchange" | "routingKey" | "body" | "headers" | "marks" | "messageId" | "timestampSeconds"
>;

/** A puller's host, the time and more fit; longer ids are replaced by their digests. */
const idBytesMax = 64;
/** Products' paths have about 120 bytes; AMQP's limit for a file's name in a header is 255. */
const pathBytesMax = 255;
const reasonBytesMax = 255;
const keyText = /^[0-9a-f]{32}$/;
const keyBytes = 32;

/** @returns none for a message that says nothing, such as another program's under one of the topics; several for one about several products */
export function readSightings(message: AuditMessage, topics: AuditSources): readonly Sighting[] {
  const { exchange, routingKey, body, marks } = message;
  if (exchange === deadLetterExchange) return [deadLetterOf(message)];
  if (routingKey === topics.pulledTopic) return receiptsIn(message).flatMap((one) => placedOf(one, routingKey) ?? []);
  if (routingKey === topics.announcedTopic)
    return (copiesIn(body) ?? [{ body, closedMs: marks.closedMs }]).flatMap((one) => announcedOf(one) ?? []);
  const sighting = readSighting(message, topics);
  return sighting ? [sighting] : [];
}

function readSighting(message: AuditMessage, topics: AuditSources): Sighting | undefined {
  const { routingKey, body, marks } = message;
  const read = readV00(body);
  if (!read.ok) return undefined;
  const { key } = read.value;
  const path = pathOf(body);
  if (topicTail(topics.notifyTopic, routingKey) !== undefined)
    return { kind: "dispatched", key, path, id: messageIdOf(message), inDoubt: marks.doubt ?? false };
  return topicTail(topics.twinTopic, routingKey) === undefined ? undefined : { kind: "twin", key, path };
}

function announcedOf({ body, closedMs }: AnnouncedCopy): Sighting | undefined {
  const read = readV00(body);
  if (!read.ok) return undefined;
  const { key, source } = read.value;
  return { kind: "announced", key, path: pathOf(body), source: cutToBytes(source, pathBytesMax), closedMs };
}

function placedOf({ body, marks, messageId }: ReceiptMessage, routingKey: string): Sighting | undefined {
  if (body.length !== keyBytes) return undefined;
  const key = body.toString("latin1");
  if (!keyText.test(key)) return undefined;
  const { host, placedMs, closedMs } = marks;
  if (marks.before) return { kind: "placed", key, placing: { kind: "before", host }, closedMs };
  if (placedMs === undefined)
    return {
      kind: "placed",
      key,
      placing: { kind: "unmarked", id: messageIdOf({ body, marks, messageId, routingKey }) },
      closedMs,
    };
  // A puller places one product after the other, so it can't place the same one twice in a millisecond.
  const id = shortened(`${placedMs}@${host ?? ""}`);
  return { kind: "placed", key, placing: { kind: "placed", id, host, placedMs }, closedMs };
}

function deadLetterOf(message: AuditMessage): Sighting {
  const read = readV00(message.body);
  const reason = message.headers["x-dead-reason"];
  return {
    kind: "dead-letter",
    id: messageIdOf(message),
    key: read.ok ? read.value.key : undefined,
    reason: cutToBytes(typeof reason === "string" ? reason : "no reason given", reasonBytesMax),
  };
}

/** The last field of the announcement, as it was sent: escaped as in a URL. */
function pathOf(body: Buffer): string {
  const text = body.toString().trimEnd();
  return cutToBytes(text.slice(text.lastIndexOf(" ") + 1), pathBytesMax);
}

/** Agents number their messages. Others' messages without an id are told apart by what they contain. */
function messageIdOf({
  messageId,
  routingKey,
  body,
  marks,
}: Pick<AuditMessage, "messageId" | "routingKey" | "body" | "marks">): string {
  if (typeof messageId === "string" && messageId !== "") return shortened(messageId);
  return digest(JSON.stringify([routingKey, marks]), body);
}

const shortened = (id: string): string => (Buffer.byteLength(id) <= idBytesMax ? id : digest(id));

function digest(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash("md5");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
