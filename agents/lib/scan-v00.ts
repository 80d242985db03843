import { bodyBytesMax, checkBaseUrl } from "./announcement.ts";

/** The part of an announcement that a decision needs. */
export interface ScannedV00 {
  /** 32 hex digits, lower case. */
  readonly key: string;
  /** Host of the URL, with its port if it has one. */
  readonly source: string;
  readonly sizeBytes: number;
}

const keyBytes = 32;
/** Fifteen digits are always a safe integer. */
const sizeDigitsMax = 15;
const space = 0x20;
const percent = 0x25;
const dot = 0x2e;
const slash = 0x2f;
const zero = 0x30;
const nine = 0x39;
const lowerA = 0x61;
const lowerF = 0x66;
const lastPrintable = 0x7e;

interface KnownBase {
  readonly bytes: Buffer;
  readonly source: string;
}

/** There are few sources; invented ones must not fill the memory. */
const basesMax = 64;
const bases: KnownBase[] = [];

/**
 * Reads a v00 announcement as the radar servers write it, byte by byte, because every message passes here. Undefined for anything
 * unusual (capitals, runs of spaces, escapes, a newline at the end, faults of any kind): then the codec decides. A result is
 * always the same as that of `codecs.v00.parse`. The host's text is made once per base URL, not per message.
 */
export function scanV00(body: Buffer): ScannedV00 | undefined {
  if (body.length > bodyBytesMax || body[keyBytes] !== space) return undefined;
  for (let at = 0; at < keyBytes; at++) {
    const byte = body[at] ?? 0;
    if (!((byte >= zero && byte <= nine) || (byte >= lowerA && byte <= lowerF))) return undefined;
  }
  const sizeEnd = endOfDigits(body, keyBytes + 1);
  if (sizeEnd === undefined) return undefined;
  const baseEnd = endOfField(body, sizeEnd + 1);
  if (baseEnd === body.length || !isPlainPath(body, baseEnd + 1)) return undefined;
  const source = sourceOf(body, sizeEnd + 1, baseEnd);
  if (source === undefined) return undefined;
  let sizeBytes = 0;
  for (let at = keyBytes + 1; at < sizeEnd; at++) sizeBytes = sizeBytes * 10 + ((body[at] ?? zero) - zero);
  return { key: body.toString("latin1", 0, keyBytes), source, sizeBytes };
}

/** Where one to fifteen digits end with a space. */
function endOfDigits(body: Buffer, start: number): number | undefined {
  let at = start;
  for (; at < body.length; at++) {
    const byte = body[at] ?? 0;
    if (byte < zero || byte > nine) break;
  }
  return at > start && at - start <= sizeDigitsMax && body[at] === space ? at : undefined;
}

/** Where the field ends: at the next space, or with the body. */
function endOfField(body: Buffer, start: number): number {
  const end = body.indexOf(space, start);
  return end < 0 ? body.length : end;
}

/** Whether the rest is a relative path of printable ASCII without escapes and spaces, and without empty, `.` or `..` parts. */
function isPlainPath(body: Buffer, start: number): boolean {
  let partStart = start;
  for (let at = start; at <= body.length; at++) {
    const byte = at < body.length ? (body[at] ?? 0) : slash;
    if (byte <= space || byte > lastPrintable || byte === percent) return false;
    if (byte !== slash) continue;
    const length = at - partStart;
    if (length === 0) return false;
    if (length <= 2 && body[partStart] === dot && body[at - 1] === dot) return false;
    partStart = at + 1;
  }
  return true;
}

function sourceOf(body: Buffer, start: number, end: number): string | undefined {
  for (const { bytes, source } of bases) {
    if (bytes.length === end - start && bytes.compare(body, start, end) === 0) return source;
  }
  for (let at = start; at < end; at++) if ((body[at] ?? 0) > lastPrintable) return undefined;
  const text = body.toString("latin1", start, end);
  if (!checkBaseUrl(text).ok) return undefined;
  const source = new URL(text).host;
  // Those in use are added again at once.
  if (bases.length === basesMax) bases.length = 0;
  bases.push({ bytes: Buffer.from(text, "latin1"), source });
  return source;
}
