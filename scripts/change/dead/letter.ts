import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { deadHeaderPrefix as dead } from "../../../agents/lib/dead-letter.ts";
import { type Headers, markHeaders } from "../../../agents/lib/headers.ts";
import type { Delivery } from "../../../agents/lib/subscription.ts";

/** What of a delivery says which message it is, and where it came from. */
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

/** The broker whose letters they are. */
export interface LetterPlace {
  /** In the config. */
  readonly broker: string;
  /** Exchanges that letters may be given back to. */
  readonly origins: ReadonlySet<string>;
}

/** A message of a dead-letter queue, bounded. Its texts are as they came, from anybody: whoever shows them makes them printable. */
export interface Letter {
  /** The same for as long as the message is in its queue. */
  readonly id: string;
  /** Of the cluster, in the config. */
  readonly broker: string;
  /** When it was dead-lettered, by the clock of that agent's host. */
  readonly atMs?: number;
  /** Undefined where no agent of warren's put it there. */
  readonly agent?: string;
  readonly reason?: string;
  /** That the agent took it from. */
  readonly queue?: string;
  /** Where `replay` publishes it; `why` not, where that can't be told. */
  readonly origin: Origin;
  readonly exchange: string;
  readonly routingKey: string;
  /** Its own, the first of them. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly moreHeaders: number;
  /** Headers that the agent had to leave out, and why. */
  readonly leftOut?: string;
  readonly bodyBytes: number;
  readonly bodyStart: Buffer;
}

export type Origin = { readonly exchange: string; readonly routingKey: string } | { readonly why: string };

const idDigits = 12;
/** Bounds of what is kept of a message: a queue of large ones must fit into memory. */
const bodyBytesKept = 600;
const headersKept = 20;
const valueCharactersKept = 200;
const reasonCharactersKept = 1024;
const nameCharactersKept = 255;
const exchangeCharactersNamed = 60;

/**
 * What a letter does when it is given back is in its id: where it goes, what it holds, and what its agent wrote of it. Other headers are not: a broker
 * counts there how often it gave the message out.
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
    // A copy: the excerpt of a large body must not keep all of it.
    bodyStart: Buffer.from(body.subarray(0, bodyBytesKept)),
  };
}

/** Where a message was published before an agent dead-lettered it, by its own word: what no agent can have taken from there is not believed. */
export function originOf(
  { routingKey, headers }: Pick<Message, "routingKey" | "headers">,
  origins: ReadonlySet<string>,
): Origin {
  const exchange = textOf(headers["x-dead-exchange"]);
  if (exchange === undefined) {
    return { why: "it has no header x-dead-exchange, so where it came from is not known" };
  }
  if (!origins.has(exchange)) return { why: `${nameOf(exchange)} ${notRead}` };
  const key = textOf(headers["x-dead-key"]) ?? routingKey;
  // amqplib reads what is not valid UTF-8 as this: under such a key it would go elsewhere.
  if (key.includes("\ufffd")) return { why: "its routing key is not valid UTF-8" };
  return { exchange, routingKey: key };
}

const notRead =
  "is not an exchange that agents of this stack read: look at it with show, drop it, or publish it by hand";

/** Short: what is to be done comes after it, and has to be seen. */
function nameOf(exchange: string): string {
  if (exchange === "") return "the default exchange";
  return exchange.length > exchangeCharactersNamed ? `${exchange.slice(0, exchangeCharactersNamed)}…` : exchange;
}

/** The headers that it had before, those of other agents among them. */
export const ownHeaders = ({ headers, marks }: Pick<Message, "headers" | "marks">): Headers => ({
  ...Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(dead))),
  ...markHeaders(marks),
});

/** A header's value may be a table thousands deep, or as long as a frame. */
const shown = (value: unknown): string =>
  inspect(value, {
    ...{ depth: 2, maxArrayLength: 5, maxStringLength: valueCharactersKept, breakLength: Number.POSITIVE_INFINITY },
  }).slice(0, 2 * valueCharactersKept);

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return Buffer.isBuffer(value) ? value.toString("utf8") : undefined;
}
