/** A header table that amqplib can send on: see `readHeaders`. */
export type Headers = Readonly<Record<string, unknown>>;

/**
 * What agents of warren tell each other in headers. Each counts under the topics of its own alone (whoever reads it checks the routing
 * key first), and none is passed on with the headers of a message: `readHeaders` keeps them apart.
 */
export interface Marks {
  /** Under the input topic: announced before and confirmed then, by a broker that may have lost it since. */
  readonly again?: true;
  /** Under the notify topic: published before, perhaps. */
  readonly doubt?: true;
  /** Under the twin topic: why the announcement before this one could not be pulled. */
  readonly alternate?: string;
  /** Under the alternate topic: why the product could not be pulled. */
  readonly reason?: string;
}

/** The headers of one message, as far as they may be used. */
export interface ReceivedHeaders {
  /** The publisher's own. */
  readonly headers: Headers;
  readonly marks: Marks;
  /** Names of those that were dropped, shortened; none for nearly every message. */
  readonly dropped: readonly string[];
}

/** Headers of warren's own, and the names of the marks. */
const ownPrefix = "x-warren-";
const markNames = {
  again: "x-warren-again",
  doubt: "x-warren-doubt",
  alternate: "x-warren-alternate",
  reason: "x-warren-reason",
} as const satisfies Record<keyof Marks, string>;

/** Of all headers of a message together, beside the marks. amqplib encodes at most 64 KiB. */
export const headersBytesMax = 16_384;
/** AMQP's bound for the name of a header. */
const nameBytesMax = 255;
/** RabbitMQ's own tables (`x-death`) have three levels. */
const depthMax = 8;
/** Pullers write 255 bytes at most. */
const reasonCharactersMax = 255;
/** RabbitMQ takes these for orders: to route a message by further keys, with the rights of whoever publishes it. */
const routingOrders: ReadonlySet<string> = new Set(["CC", "BCC"]);
const droppedMax = 20;
const droppedNameCharacters = 64;
const none: ReceivedHeaders = Object.freeze({ headers: Object.freeze({}), marks: Object.freeze({}), dropped: [] });

/**
 * Reads the header table of a message from anybody. Kept is what can be sent on, and is no order to the broker: names of at most 255 bytes, values that amqplib encodes, all
 * together within `bytesMax`. Anything else is dropped, as is every `x-warren-` header that is no mark.
 */
export function readHeaders(
  table: Readonly<Record<string, unknown>> | undefined,
  bytesMax = headersBytesMax,
): ReceivedHeaders {
  if (table === undefined) return none;
  // Own entries only: amqplib sets a header named `__proto__` as the table's prototype.
  const entries = Object.entries(table);
  if (entries.length === 0) return none;
  const headers: [string, unknown][] = [];
  const marks: { again?: true; doubt?: true; alternate?: string; reason?: string } = {};
  const dropped: string[] = [];
  let roomBytes = bytesMax;
  for (const [name, value] of entries) {
    if (name.startsWith(ownPrefix)) {
      if (name === markNames.again) marks.again = true;
      else if (name === markNames.doubt) marks.doubt = true;
      else if (name === markNames.alternate) marks.alternate = reasonText(value);
      else if (name === markNames.reason) marks.reason = reasonText(value);
      continue;
    }
    const bytes = nameBytesOf(name) + bytesOf(value, depthMax);
    if (bytes <= roomBytes && !routingOrders.has(name)) {
      headers.push([name, value]);
      roomBytes -= bytes;
    } else if (dropped.length < droppedMax) dropped.push(name.slice(0, droppedNameCharacters));
  }
  return { headers: Object.fromEntries(headers), marks, dropped };
}

/** As headers, for whoever publishes a message with marks of its own. */
export function markHeaders(marks: Marks): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  if (marks.again) headers[markNames.again] = "1";
  if (marks.doubt) headers[markNames.doubt] = "1";
  if (marks.alternate !== undefined) headers[markNames.alternate] = marks.alternate;
  if (marks.reason !== undefined) headers[markNames.reason] = marks.reason;
  return headers;
}

/** Whoever wrote it: anything but a short text is no reason. */
function reasonText(value: unknown): string {
  return typeof value === "string" ? value.toWellFormed().slice(0, reasonCharactersMax) : "not said";
}

function nameBytesOf(name: string): number {
  const bytes = Buffer.byteLength(name);
  return bytes <= nameBytesMax ? 1 + bytes : Number.POSITIVE_INFINITY;
}

/** Bytes of a value as amqplib encodes it, its type included; Infinity where it can't, or where tables lie too deep. */
function bytesOf(value: unknown, depth: number): number {
  switch (typeof value) {
    case "string":
      return 5 + Buffer.byteLength(value);
    case "boolean":
      return 2;
    case "number":
      // Smaller ones, and what is no number, are taken for integers of 64 bits, which they don't fit.
      return Number.isFinite(value) && value >= -(2 ** 63) ? 9 : Number.POSITIVE_INFINITY;
    case "object":
      return value === null ? 1 : bytesOfObject(value, depth);
    default:
      return Number.POSITIVE_INFINITY;
  }
}

function bytesOfObject(value: object, depth: number): number {
  if (depth === 0) return Number.POSITIVE_INFINITY;
  // Not by `instanceof`: amqplib sets a header named `__proto__`, bytes among others, as the prototype of its table.
  if (ArrayBuffer.isView(value)) return 5 + value.byteLength;
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + bytesOf(one, depth - 1), 5);
  if (Object.getPrototypeOf(value) !== Object.prototype) return Number.POSITIVE_INFINITY;
  // amqplib's own mark of types that JavaScript has not: a table of a stranger may have a key of that name.
  if (Object.hasOwn(value, "!")) return bytesOfTyped(value as { "!": unknown; value?: unknown });
  let bytes = 5;
  for (const [name, one] of Object.entries(value)) bytes += nameBytesOf(name) + bytesOf(one, depth - 1);
  return bytes;
}

function bytesOfTyped({ "!": type, value }: { readonly "!": unknown; readonly value?: unknown }): number {
  if (type === "timestamp") return Number.isSafeInteger(value) && (value as number) >= 0 ? 9 : Number.POSITIVE_INFINITY;
  if (type !== "decimal") return Number.POSITIVE_INFINITY;
  const { places, digits } = (value ?? {}) as { places?: unknown; digits?: unknown };
  const isWhole = (part: unknown, below: number) =>
    Number.isInteger(part) && (part as number) >= 0 && (part as number) < below;
  return isWhole(places, 256) && isWhole(digits, 2 ** 32) ? 6 : Number.POSITIVE_INFINITY;
}

/** AMQP's `timestamp` in seconds since 1970, where it is a time of this world: until the year 9999. */
export function readTimestamp(seconds: unknown): number | undefined {
  return Number.isInteger(seconds) && (seconds as number) >= 0 && (seconds as number) <= timestampSecondsMax
    ? (seconds as number)
    : undefined;
}

const timestampSecondsMax = 253_402_300_799;
