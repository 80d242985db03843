import { createHash } from "node:crypto";
import { controlCharacter } from "./foreign.ts";
import { bad, good, type Result } from "./result.ts";
import type { WisDetails } from "./wis-details.ts";

/** A message that a product is ready at a URL. Each codec documents which fields its wire format carries. */
export interface Announcement {
  /** Absolute URL that ends in `/`. */
  readonly baseUrl: string;
  /** Path below `baseUrl` as on disk: unescaped, no leading `/`, no empty, `.` or `..` parts. */
  readonly relPath: string;
  readonly sizeBytes?: number;
  /** The "md5" of v00: of the product name from the radar servers, of the data elsewhere. The format does not tell which. */
  readonly key?: string;
  /** Checksum with its method (v02, v03). `value` is lower-case hex, or free text for `cod`. */
  readonly sum?: { readonly method: "md5" | "md5-of-name" | "sha512" | "cod"; readonly value: string };
  readonly pubTimeMs?: number;
  /** Only in the format wis. */
  readonly wis?: WisDetails;
}

/** A message as AMQP carries it. Header values are at most 255 bytes, because older peers write them as short strings. */
export interface WireMessage {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
}

/** A received message, with any headers and any body. */
export interface ReceivedMessage {
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, unknown>>;
}

/** One wire format. `parse(format(x))` is x for every announcement that `format` accepts. */
export interface Codec {
  format(announcement: Announcement): Result<WireMessage>;
  parse(message: ReceivedMessage): Result<Announcement>;
}

/** Why `parse` refuses a valid post without a product: it is about a removed file, a link or a folder. */
export const nothingToFetch = "nothing to fetch: it announces a removal, a link or a folder";

/** An announcement is one line or a small object; anything longer is not an announcement. */
export const bodyBytesMax = 8192;
export const headerBytesMax = 255;

/** Protocols that a product may be fetched by. */
const protocols: ReadonlySet<string> = new Set(["http:", "https:", "ftp:", "ftps:", "sftp:", "file:"]);

/** Accepts only a path that can't leave the folder it is joined to. */
export function checkRelPath(relPath: string): Result<string> {
  if (relPath === "") return bad("path is empty");
  for (const part of relPath.split("/")) {
    if (part === "") return bad(`path has an empty part: ${JSON.stringify(relPath)}`);
    if (part === "." || part === "..") return bad(`path has a "${part}" part: ${JSON.stringify(relPath)}`);
  }
  if (relPath.includes("\0")) return bad("path has a NUL character");
  return good(relPath);
}

/** The last valid one. An announcer uses a single one, and parsing it takes longer than composing the rest. */
let goodBaseUrl: string | undefined;

export function checkBaseUrl(text: string): Result<string> {
  if (text === goodBaseUrl) return good(text);
  if (/\s/.test(text) || controlCharacter.test(text)) return bad("base URL contains white space");
  if (!text.endsWith("/")) return bad(`base URL does not end in "/": ${text}`);
  if (!URL.canParse(text)) return bad(`base URL is not an absolute URL: ${text}`);
  const url = new URL(text);
  if (!protocols.has(url.protocol)) return bad(`base URL has unsupported protocol ${url.protocol}`);
  if (url.search !== "" || url.hash !== "") return bad(`base URL has a query or fragment: ${text}`);
  goodBaseUrl = text;
  return good(text);
}

/**
 * A path as a URL has it. Characters of the radar servers' names (`~ , : -`, digits, letters) stay unchanged. Space, `%`, `#`,
 * `?`, control characters and everything outside ASCII are percent-encoded as UTF-8.
 */
export function escapePath(path: string): string {
  return encodeURI(path.toWellFormed()).replace(/[?#]/g, (character) => (character === "#" ? "%23" : "%3F"));
}

/** Reverses `escapePath`. Accepts what peers left unescaped, except a `%` that does not begin an escape. */
export function unescapePath(text: string): Result<string> {
  if (/%2f/i.test(text)) return bad(`path has an escaped "/": ${text}`);
  try {
    return good(decodeURIComponent(text));
  } catch {
    return bad(`path has a "%" that is not a UTF-8 escape: ${text}`);
  }
}

/** The absolute URL that the product is fetched from. */
export function announcementUrl(announcement: Announcement): string {
  return announcement.baseUrl + escapePath(announcement.relPath);
}

export function fileNameOf(announcement: Announcement): string {
  return announcement.relPath.slice(announcement.relPath.lastIndexOf("/") + 1);
}

/**
 * The product's name: the file name's first five colon-separated fields, without the reception stamp. Both radar servers give one
 * product one name, while bytes, size and stamp differ. A file name with fewer fields is its own product name.
 */
export function productName(fileName: string): string {
  return fileName.split(":").slice(0, 5).join(":");
}

/** The key of a `v00.urp` announcement: md5 of the product name, in hex. */
export function productKey(fileName: string): string {
  return createHash("md5").update(productName(fileName), "utf8").digest("hex");
}

/** The body as text, if it is UTF-8 of a plausible length. A newline at the end (from files sent as messages) is dropped. */
export function bodyText(body: Buffer): Result<string> {
  if (body.length > bodyBytesMax)
    return bad(`body has ${body.length} bytes, but an announcement has at most ${bodyBytesMax}`);
  try {
    return good(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body).replace(/\r?\n$/, ""));
  } catch {
    return bad("body is not UTF-8");
  }
}

export function parseJson(text: string): Result<unknown> {
  try {
    return good(JSON.parse(text));
  } catch {
    return bad("body is not JSON");
  }
}

export function checkHeaders(headers: Readonly<Record<string, string>>): Result<Readonly<Record<string, string>>> {
  for (const [name, value] of Object.entries(headers)) {
    const bytes = Buffer.byteLength(value);
    if (bytes > headerBytesMax) return bad(`header ${name} has ${bytes} bytes, but at most ${headerBytesMax} fit`);
  }
  return good(headers);
}

export function checkAddress(baseUrl: string, relPath: string): Result<{ baseUrl: string; relPath: string }> {
  const base = checkBaseUrl(baseUrl);
  if (!base.ok) return base;
  const path = checkRelPath(relPath);
  return path.ok ? good({ baseUrl, relPath }) : path;
}

/** The same for a peer's words: sr3 leaves out the slash where its config does, before or after. */
export function checkPeerAddress(baseUrl: string, relPath: string): Result<{ baseUrl: string; relPath: string }> {
  return checkAddress(baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`, relPath.replace(/^\/+/, ""));
}
