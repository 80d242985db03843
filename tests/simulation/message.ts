/** Queues by number; what a message is routed to is a set of bits. */
export const queueNumber = { input: 0, pull: 1, ledgerOf: (host: number): number => 2 + host } as const;
/** Of these there are so many. While the brokers are parted, the side that will lose has its own, numbered on from here. */
export const queuesASide = 4;
export const queueCount = 2 * queuesASide;
export const hostCount = 2;

export type Kind = "announcement" | "request" | "notify" | "twin" | "receipt" | "marker";

/** What happens to what a dead channel had on its way: all of its queues or none get it, or each of them for itself. */
export type Mode = "atomic" | "partial";

/** A message, from its publish to its end. */
export interface Message {
  readonly number: number;
  readonly kind: Kind;
  /** Number of the product; -1 where it is about none. */
  readonly product: number;
  readonly source: number;
  readonly body: Buffer;
  readonly routingKey: string;
  /** First arrival as the message says: rounded up to whole seconds. Of an announcement: when it was confirmed for the first time. */
  readonly stampMs: number;
  /** When its publisher decided to send it, by the world's clock. */
  readonly decidedAtMs: number;
  /** Which dispatcher process sent it; 0: none did. */
  readonly author: number;
  /** Which host that runs on; -1: on none. */
  readonly host: number;
  readonly doubt: boolean;
  /** The marker's token, or why a product could not be fetched. */
  readonly text: string;
  readonly targets: number;
  /** The queues that have it, and those that never will. */
  landed: number;
  died: number;
  /** When the last queue that ever gets it had it; Infinity: some are still to come. */
  doneAtMs: number;
  /** What the publisher calls it. */
  readonly claim: number;
  /** The broker will say that it could not take it. */
  refused: boolean;
  /** And its publisher has heard so, after it had forgotten its claims so many times; -1: it has not. */
  refusalHeard: number;
  /** Announced before, and confirmed then. */
  readonly again: boolean;
  /** The announcement that failed, once more: no twin had come. */
  readonly lastRound: boolean;
  /** Of an announcement: copies in input queues, or in hand. */
  copies: number;
  /** It went to the side that loses, or a part of it: since when that is parted from the other; undefined: it did not. */
  losingSinceMs: number | undefined;
  /** A puller has fetched what it announces. */
  placed: boolean;
}

/** What a publisher says about a message that it sends. */
export type MessageParts = Omit<
  Message,
  | "landed"
  | "died"
  | "doneAtMs"
  | "refused"
  | "refusalHeard"
  | "body"
  | "again"
  | "lastRound"
  | "copies"
  | "losingSinceMs"
  | "placed"
> & {
  readonly body?: Buffer | undefined;
  readonly again?: boolean;
  readonly lastRound?: boolean;
};

const noBody = Buffer.alloc(0);

export function newMessage(parts: MessageParts): Message {
  const { body = noBody, again = false, lastRound = false } = parts;
  return {
    ...parts,
    body,
    again,
    lastRound,
    copies: 0,
    losingSinceMs: undefined,
    placed: false,
    landed: 0,
    died: 0,
    doneAtMs: Number.POSITIVE_INFINITY,
    refused: false,
    refusalHeard: -1,
  };
}

export function bitOf(queue: number): number {
  return 1 << queue;
}

/** What the queues of a set are on the other side, when the brokers part. */
export function onLosingSide(queues: number): number {
  return (queues & (bitOf(queuesASide) - 1)) << queuesASide;
}

/** It is in that queue, or was; on the side that loses it counts for nothing. */
export function isIn(message: Message, queue: number): boolean {
  return (message.landed & bitOf(queue)) !== 0;
}

/** The same, on either side. */
export function isInAny(message: Message, queue: number): boolean {
  return isIn(message, queue) || isIn(message, queue + queuesASide);
}

const hex = "0123456789abcdef";

/** Products by number, in bodies and keys as the radar servers write them. */
export const productsMax = 16;
export const sources = ["urp-1", "urp-2"] as const;

const keys = Array.from({ length: productsMax }, (_, product) => (hex[product] ?? "0").repeat(32));
const bodies = keys.map((key, product) =>
  sources.map((source) => Buffer.from(`${key} 498081 http://${source}/ db/RADAR/product-${product}`)),
);

export function keyOf(product: number): string {
  return keys[product] ?? "";
}

export function productOf(key: string): number {
  return hex.indexOf(key.charAt(0));
}

export function bodyOf(product: number, source: number): Buffer {
  const body = bodies[product]?.[source];
  if (!body) throw new Error(`no product ${product} of source ${source}`);
  return body;
}

/** What a body is about: bodies are handed on as they are, so the object says it. */
const read = new Map<Buffer, { product: number; source: number }>();
for (const [product, ofSources] of bodies.entries()) {
  for (const [source, body] of ofSources.entries()) read.set(body, { product, source });
}

export function readBody(body: Buffer): { product: number; source: number } {
  const known = read.get(body);
  if (!known) throw new Error(`not a body of this world: ${body}`);
  return known;
}
