/** Queues by number; what a message is routed to is a set of bits. */
export const queueNumber = { input: 0, pull: 1, ledgerOf: (host: number): number => 2 + host } as const;
export const queueCount = 4;
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
  /** First arrival as the message says: rounded up to whole seconds. */
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
  /** And its publisher has heard so, after it had lost so many connections; -1: it has not. */
  refusalHeard: number;
}

/** What a publisher says about a message that it sends. */
export type MessageParts = Omit<Message, "landed" | "died" | "doneAtMs" | "refused" | "refusalHeard" | "body"> & {
  readonly body?: Buffer | undefined;
};

const noBody = Buffer.alloc(0);

export function newMessage(parts: MessageParts): Message {
  const { body = noBody } = parts;
  return {
    ...parts,
    body,
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
