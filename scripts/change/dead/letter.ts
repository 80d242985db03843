import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { deadHeaderPrefix as dead } from "../../../agents/lib/dead-letter.ts";
import { type Headers, markHeaders } from "../../../agents/lib/headers.ts";
import type { Delivery } from "../../../agents/lib/subscription.ts";

/** The parts of a delivery that identify the message and its origin. */
export type Message = Pick<
  Delivery,
  | "exchange"
  | "routingKey"
  | "headers"
  | "marks"
  | "droppedHeaders"
  | "body"
  | "messageId"
  | "timestampSeconds"
  | "contentType"
>;

/** A broker, as the source of dead letters. */
export interface LetterPlace {
  /** The cluster's name in the config. */
  readonly broker: string;
  /** Exchanges to which letters may be replayed. */
  readonly origins: ReadonlySet<string>;
}

/** A message of a dead-letter queue, cut to bounds. Its texts are foreign and unescaped: escape them before printing. */
export interface Letter {
  /** Does not change while the message is in its queue. */
  readonly id: string;
  /** The cluster's name in the config. */
  readonly broker: string;
  /** When it was dead-lettered, by the clock of the agent's host. */
  readonly atMs?: number;
  /** Undefined if no agent of warren dead-lettered it. */
  readonly agent?: string;
  readonly reason?: string;
  /** The queue from which the agent consumed it. */
  readonly queue?: string;
  /** Where `replay` publishes it, or why that is unknown. */
  readonly origin: Origin;
  readonly exchange: string;
  readonly routingKey: string;
  /** The first of its own headers. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly moreHeaders: number;
  /** Headers that the agent had to drop, and why. */
  readonly leftOut?: string;
  readonly bodyBytes: number;
  readonly bodyStart: Buffer;
}

export type Origin = { readonly exchange: string; readonly routingKey: string } | { readonly why: string };

const idDigits = 12;
/** Limits of what is kept of a message: a queue of large messages must fit into memory. */
const bodyBytesKept = 600;
const headersKept = 20;
const valueCharactersKept = 200;
const reasonCharactersKept = 1024;
const nameCharactersKept = 255;
const exchangeCharactersNamed = 60;

/**
 * A hash of everything that a replay depends on: destination, content, and the headers that the agent added. Other headers are not included, because a
 * broker counts redeliveries there.
 */
export function idOf(message: Message): string {
  const { exchange, routingKey, body, messageId = "", timestampSeconds = "", contentType = "", headers } = message;
  const written = Object.entries(headers)
    .filter(([name]) => name.startsWith(dead))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256");
  for (const part of [
    exchange,
    routingKey,
    messageId,
    String(timestampSeconds),
    contentType,
    JSON.stringify(written),
  ]) {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  return hash.update(body).digest("hex").slice(0, idDigits);
}

export function letterOf(message: Message, { broker, origins }: LetterPlace): Letter {
  const { exchange, routingKey, headers, droppedHeaders, body } = message;
  const text = (name: string, charactersMax = nameCharactersKept) =>
    textOf(headers[dead + name])?.slice(0, charactersMax);
  const atMs = Date.parse(text("time") ?? "");
  const own = Object.entries(ownHeaders(message));
  const leftOut = [text("headers", reasonCharactersKept) ?? [], ...droppedHeaders].flat().join(", ");
  const found = {
    agent: text("agent"),
    reason: text("reason", reasonCharactersKept),
    queue: text("queue"),
    leftOut: leftOut === "" ? undefined : leftOut,
  };
  return {
    ...{ id: idOf(message), broker },
    ...(Number.isNaN(atMs) ? {} : { atMs }),
    ...Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)),
    ...{ origin: originOf(message, origins), exchange, routingKey },
    headers: own.slice(0, headersKept).map(([name, value]) => ({
      name: name.slice(0, nameCharactersKept),
      value: shown(value),
    })),
    moreHeaders: Math.max(0, own.length - headersKept),
    bodyBytes: body.length,
    // A copy: the excerpt must not keep a large body in memory.
    bodyStart: Buffer.from(body.subarray(0, bodyBytesKept)),
  };
}

/** Where a message was published before an agent dead-lettered it. The headers can be forged, so only exchanges that agents read are accepted. */
export function originOf(
  { routingKey, headers }: Pick<Message, "routingKey" | "headers">,
  origins: ReadonlySet<string>,
): Origin {
  const exchange = textOf(headers["x-dead-exchange"]);
  if (exchange === undefined) {
    return { why: "it has no header x-dead-exchange, so its origin is unknown" };
  }
  if (!origins.has(exchange)) return { why: `${nameOf(exchange)} ${notRead}` };
  const key = textOf(headers["x-dead-key"]) ?? routingKey;
  // amqplib decodes invalid UTF-8 to this character: published with such a key, the message would be routed elsewhere.
  if (key.includes("\ufffd")) return { why: "its routing key is not valid UTF-8" };
  return { exchange, routingKey: key };
}

const notRead =
  "is not an exchange that agents of this stack read: inspect the message with show, then drop it or publish it by hand";

/** Kept short, so that the remedy after it stays visible. */
function nameOf(exchange: string): string {
  if (exchange === "") return "the default exchange";
  return exchange.length > exchangeCharactersNamed ? `${exchange.slice(0, exchangeCharactersNamed)}…` : exchange;
}

/** The headers that the message had before it was dead-lettered, including those of other agents. */
export const ownHeaders = ({ headers, marks }: Pick<Message, "headers" | "marks">): Headers => ({
  ...Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(dead))),
  ...markHeaders(marks),
});

/** A header's value may be a table nested thousands deep, or as long as a frame. */
const shown = (value: unknown): string =>
  inspect(value, {
    ...{ depth: 2, maxArrayLength: 5, maxStringLength: valueCharactersKept, breakLength: Number.POSITIVE_INFINITY },
  }).slice(0, 2 * valueCharactersKept);

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return Buffer.isBuffer(value) ? value.toString("utf8") : undefined;
}
