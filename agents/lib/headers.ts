/** A header table that amqplib can send on: see `readHeaders`. */
export type Headers = Readonly<Record<string, unknown>>;

/**
 * Headers that warren's agents use between themselves. Each counts only under its own topics (the reader checks the routing key
 * first), and none is passed on with a message's headers: `readHeaders` separates them.
 */
export interface Marks {
  /** Under the input topic: announced and confirmed before, by a broker that may have lost it since. */
  readonly again?: true;
  /** Under the notify topic: may have been published before. */
  readonly doubt?: true;
  /** Under the notify topic: receipts may be joined in one message, because the dispatcher reads them so. */
  readonly joined?: true;
  /** Under the twin topic: why the previous announcement could not be pulled. */
  readonly alternate?: string;
  /** Under the alternate topic: why the product could not be pulled. */
  readonly reason?: string;
  /** Under the pulled topic: this puller has placed the product, at that time, in milliseconds since 1970. */
  readonly placedMs?: number;
  /** Under the pulled topic: the product had been placed before. */
  readonly before?: true;
  /** Under the pulled topic: the puller's host. */
  readonly host?: string;
  /** Under all of these: when the file was complete, in milliseconds since 1970. A figure for metrics: nothing is decided by it. */
  readonly closedMs?: number;
}

/** The usable headers of one message. */
export interface ReceivedHeaders {
  /** The publisher's own. */
  readonly headers: Headers;
  readonly marks: Marks;
  /** Names of those that were dropped, shortened; none for nearly every message. */
  readonly dropped: readonly string[];
}

/** Warren's own headers, and the names of the marks. */
const ownPrefix = "x-warren-";
const markNames = {
  again: "x-warren-again",
  doubt: "x-warren-doubt",
  joined: "x-warren-joined",
  alternate: "x-warren-alternate",
  reason: "x-warren-reason",
  placedMs: "x-warren-placed",
  before: "x-warren-before",
  host: "x-warren-host",
  closedMs: "x-warren-closed",
} as const satisfies Record<keyof Marks, string>;

/** Limit for all headers of a message together, without the marks. amqplib encodes at most 64 KiB. */
export const headersBytesMax = 16_384;
/** AMQP's limit for the name of a header. */
const nameBytesMax = 255;
/** RabbitMQ's own tables (`x-death`) have three levels. */
const depthMax = 8;
/** Pullers write at most 255 bytes. */
const reasonCharactersMax = 255;
/** Until the year 33658. As text, because header values are short texts between agents. */
const timeText = /^[1-9][0-9]{0,14}$/;
/** Of a host in DNS. */
const hostText = /^[A-Za-z0-9._-]{1,253}$/;
/** RabbitMQ reads these as instructions to route a message by further keys, with its publisher's rights. */
const routingOrders: ReadonlySet<string> = new Set(["CC", "BCC"]);
const droppedMax = 20;
const droppedNameCharacters = 64;
const none: ReceivedHeaders = Object.freeze({ headers: Object.freeze({}), marks: Object.freeze({}), dropped: [] });

/**
 * Reads the header table of a message from any publisher. Keeps what can be sent on and is no instruction to the broker: names of at most 255 bytes
 * and values that amqplib encodes, all together within `bytesMax`. Anything else is dropped, as is every `x-warren-` header that is not a mark.
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
  const marks: WritableMarks = {};
  const dropped: string[] = [];
  let roomBytes = bytesMax;
  for (const [name, value] of entries) {
    if (name.startsWith(ownPrefix)) {
      if (name === markNames.again) marks.again = true;
      else if (name === markNames.doubt) marks.doubt = true;
      else if (name === markNames.joined) marks.joined = true;
      else if (name === markNames.alternate) marks.alternate = reasonText(value);
      else if (name === markNames.reason) marks.reason = reasonText(value);
      else if (name === markNames.before) marks.before = true;
      else if (typeof value === "string") readText(marks, name, value);
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

type WritableMarks = { -readonly [name in keyof Marks]: Marks[name] };

/** Marks that count only with a valid value. */
function readText(marks: WritableMarks, name: string, value: string): void {
  if (name === markNames.host) {
    if (hostText.test(value)) marks.host = value;
  } else if (timeText.test(value)) {
    if (name === markNames.closedMs) marks.closedMs = Number(value);
    else if (name === markNames.placedMs) marks.placedMs = Number(value);
  }
}

/** Marks as headers, for publishing a message. */
export function markHeaders(
  marks: {
    readonly [name in keyof Marks]: Marks[name] | undefined;
  },
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  if (marks.again) headers[markNames.again] = "1";
  if (marks.doubt) headers[markNames.doubt] = "1";
  if (marks.joined) headers[markNames.joined] = "1";
  if (marks.alternate !== undefined) headers[markNames.alternate] = marks.alternate;
  if (marks.reason !== undefined) headers[markNames.reason] = marks.reason;
  if (marks.placedMs !== undefined) headers[markNames.placedMs] = String(marks.placedMs);
  if (marks.before) headers[markNames.before] = "1";
  if (marks.host !== undefined) headers[markNames.host] = marks.host;
  if (marks.closedMs !== undefined) headers[markNames.closedMs] = String(marks.closedMs);
  return headers;
}

/** Only a short text is a reason, whoever wrote it. */
function reasonText(value: unknown): string {
  return typeof value === "string" ? value.toWellFormed().slice(0, reasonCharactersMax) : "no reason given";
}

function nameBytesOf(name: string): number {
  const bytes = Buffer.byteLength(name);
  return bytes <= nameBytesMax ? 1 + bytes : Number.POSITIVE_INFINITY;
}

/** Bytes of a value as amqplib encodes it, including its type; Infinity if it can't be encoded or is nested too deep. */
function bytesOf(value: unknown, depth: number): number {
  switch (typeof value) {
    case "string":
      return 5 + Buffer.byteLength(value);
    case "boolean":
      return 2;
    case "number":
      // amqplib encodes smaller numbers, NaN and Infinity as 64-bit integers, which they don't fit.
      return Number.isFinite(value) && value >= -(2 ** 63) ? 9 : Number.POSITIVE_INFINITY;
    case "object":
      return value === null ? 1 : bytesOfObject(value, depth);
    default:
      return Number.POSITIVE_INFINITY;
  }
}

function bytesOfObject(value: object, depth: number): number {
  if (depth === 0) return Number.POSITIVE_INFINITY;
  // Not by `instanceof`: amqplib sets a header named `__proto__`, whose value may be bytes, as the prototype of its table.
  if (ArrayBuffer.isView(value)) return 5 + value.byteLength;
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + bytesOf(one, depth - 1), 5);
  if (Object.getPrototypeOf(value) !== Object.prototype) return Number.POSITIVE_INFINITY;
  // amqplib's own mark of types that JavaScript lacks; a foreign table may have a key of that name.
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

/** AMQP's `timestamp` in seconds since 1970, if it is plausible: until the year 9999. */
export function readTimestamp(seconds: unknown): number | undefined {
  return Number.isInteger(seconds) && (seconds as number) >= 0 && (seconds as number) <= timestampSecondsMax
    ? (seconds as number)
    : undefined;
}

const timestampSecondsMax = 253_402_300_799;
