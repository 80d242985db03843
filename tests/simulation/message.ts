/** Queues by number. A message's queues are a set of bits. */
export const queueNumber = { input: 0, pull: 1, ledgerOf: (host: number): number => 2 + host } as const;
/** Number of queues. In a partition the losing side has its own queues, numbered from here. */
export const queuesASide = 4;
export const queueCount = 2 * queuesASide;
export const hostCount = 2;

export type Kind = "announcement" | "request" | "notify" | "twin" | "receipt" | "marker";

/** Fate of a dead channel's publishes: `atomic`, all queues or none get one; `partial`, each queue may or may not. */
export type Mode = "atomic" | "partial";

/** A message from its publish to its end. */
export interface Message {
  readonly number: number;
  readonly kind: Kind;
  /** Number of the product; -1 without one. */
  readonly product: number;
  readonly source: number;
  readonly body: Buffer;
  readonly routingKey: string;
  /** First arrival in the message, rounded up to seconds. For an announcement: time of its first confirm. */
  readonly stampMs: number;
  /** Time of its publisher's decision, by the world's clock. */
  readonly decidedAtMs: number;
  /** Number of its dispatcher process; 0: none. */
  readonly author: number;
  /** Number of that process's host; -1: none. */
  readonly host: number;
  readonly doubt: boolean;
  /** The marker's token, or the reason of a failed fetch. */
  readonly text: string;
  readonly targets: number;
  /** Queues that have it, and queues that will never get it. */
  landed: number;
  died: number;
  /** When its last queue got it; Infinity while it is in flight. */
  doneAtMs: number;
  /** The publisher's claim. */
  readonly claim: number;
  /** The broker will answer with a nack. */
  refused: boolean;
  /** How often its publisher had dropped its claims when it read the nack; -1: it has not read it. */
  refusalHeard: number;
  /** A repeat of a confirmed announcement. */
  readonly again: boolean;
  /** A repeat of the failed announcement, because no twin had come. */
  readonly lastRound: boolean;
  /** For an announcement: copies in input queues or unacknowledged. */
  copies: number;
  /** If any of it went to the losing side: the start of that partition. */
  losingSinceMs: number | undefined;
  /** A puller has fetched its product. */
  placed: boolean;
}

/** A publisher's values for a new message. */
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

/** Maps a set of queues to those of the losing side. */
export function onLosingSide(queues: number): number {
  return (queues & (bitOf(queuesASide) - 1)) << queuesASide;
}

/** It is or was in that queue. The losing side doesn't count. */
export function isIn(message: Message, queue: number): boolean {
  return (message.landed & bitOf(queue)) !== 0;
}

/** The same for both sides. */
export function isInAny(message: Message, queue: number): boolean {
  return isIn(message, queue) || isIn(message, queue + queuesASide);
}

const hex = "0123456789abcdef";

/** Products by number, with bodies and keys as the radar servers write them. */
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

/** The product of a body. Bodies are passed on unchanged, so the object identifies it. */
const read = new Map<Buffer, { product: number; source: number }>();
for (const [product, ofSources] of bodies.entries()) {
  for (const [source, body] of ofSources.entries()) read.set(body, { product, source });
}

export function readBody(body: Buffer): { product: number; source: number } {
  const known = read.get(body);
  if (!known) throw new Error(`not a body of this world: ${body}`);
  return known;
}
