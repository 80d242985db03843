import type { Announcement, Codec, ReceivedMessage, WireMessage } from "./announcement.ts";
import {
  bodyBytesMax,
  bodyText,
  checkAddress,
  checkHeaders,
  checkPeerAddress,
  escapePath,
  nothingToFetch,
} from "./announcement.ts";
import { bad, good, type Result } from "./result.ts";
import { formatStamp, parseStamp } from "./stamp.ts";

type Sum = NonNullable<Announcement["sum"]>;

const letters: Readonly<Record<Sum["method"], string | undefined>> = {
  md5: "d",
  "md5-of-name": "n",
  sha512: "s",
  cod: undefined,
};
/** v02's marks of a removed file, a link, a new folder and a removed one. */
const sumWithoutFile = /^[RLmr],/;
const hexDigits: Readonly<Record<string, number>> = { d: 32, n: 32, s: 128 };

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this escapes
const escaped = /[\u0000-\u0020#%\u007f]/g;
/** The same characters, escaped. */
const escapes = /%(?:[01][0-9a-f]|2[035]|7f)/gi;

/** v02 peers write `%20` and `%23`, and nothing else. Beyond those, only what would break the line or the reversal is escaped. */
function escapeV02(path: string): string {
  return path.toWellFormed().replace(escaped, encodeURIComponent);
}

/** A `%` that begins none of these escapes is the name's own: peers don't escape it. */
function unescapeV02(text: string): string {
  return text.replace(escapes, decodeURIComponent);
}

/** Bytes. Both headers together are below what a frame and `readHeaders` have room for. */
const retrievePathBytesMax = 4096;

/**
 * sr3 3.3.1 as a client takes the body's path as it stands: it would request `%2520` for a space. But it requests `retrievePath`,
 * a URL's path, and names the file `rename`, where a message has these headers; they may be longer than 255 bytes. Of FTP and SFTP it
 * would request the escaped name.
 *
 * @param inBody the path as the body has it
 */
function headersForSr3(baseUrl: string, relPath: string, inBody: string): Readonly<Record<string, string>> {
  if (inBody === relPath || !/^https?:/.test(baseUrl)) return {};
  const retrievePath = escapePath(relPath);
  return retrievePath.length > retrievePathBytesMax ? {} : { rename: relPath, retrievePath };
}

/**
 * v02: body `YYYYMMDDHHMMSS.mmm baseurl/ relpath`, headers `sum` (`d|n|s,<hex>`, `0,…` for none) and `parts` (`1,size,1,0,0`),
 * and for names with escapes `rename` and `retrievePath`, which are not read: the body says the same. Carries pubTimeMs, baseUrl, relPath, sizeBytes, sum.
 */
export const codecV02: Codec = {
  format(announcement: Announcement): Result<WireMessage> {
    const { baseUrl, relPath, sizeBytes, sum, pubTimeMs } = announcement;
    if (pubTimeMs === undefined) return bad("v02 needs the time of publication");
    const stamp = formatStamp(pubTimeMs, "");
    if (!stamp.ok) return stamp;
    const address = checkAddress(baseUrl, relPath);
    if (!address.ok) return address;
    const letter = sum && letters[sum.method];
    if (sum && !letter) return bad(`v02 can't carry a sum of method ${sum.method}`);
    const headers = checkHeaders({
      ...(sum && letter ? { sum: `${letter},${sum.value}` } : {}),
      ...(sizeBytes === undefined ? {} : { parts: `1,${sizeBytes},1,0,0` }),
    });
    if (!headers.ok) return headers;
    const inBody = escapeV02(relPath);
    const body = Buffer.from(`${stamp.value} ${baseUrl} ${inBody}`);
    if (body.length > bodyBytesMax) return bad(`path is too long: the announcement would have ${body.length} bytes`);
    const forSr3 = headersForSr3(baseUrl, relPath, inBody);
    return good({ body, headers: { ...headers.value, ...forSr3 }, contentType: "text/plain" });
  },

  parse(message: ReceivedMessage): Result<Announcement> {
    const text = bodyText(message.body);
    if (!text.ok) return text;
    const fields = text.value.split(" ");
    const [stamp, baseUrl, escapedPath] = fields;
    if (fields.length !== 3 || !stamp || !baseUrl || !escapedPath) {
      return bad(`v02 has three fields (time baseurl/ relpath), got ${fields.length}`);
    }
    const pubTimeMs = parseStamp(stamp);
    if (!pubTimeMs.ok) return pubTimeMs;
    const address = checkPeerAddress(baseUrl, unescapeV02(escapedPath));
    if (!address.ok) return address;
    const size = parseParts(message.headers?.parts);
    if (!size.ok) return size;
    const sum = parseSum(message.headers?.sum);
    if (!sum.ok) return sum;
    return good({ ...address.value, pubTimeMs: pubTimeMs.value, ...size.value, ...sum.value });
  },
};

function parseParts(header: unknown): Result<{ sizeBytes?: number }> {
  if (header === undefined) return good({});
  const match = typeof header === "string" ? /^1,([0-9]{1,16})(,1,0,0)?$/.exec(header) : null;
  const sizeBytes = Number(match?.[1] ?? Number.NaN);
  return Number.isSafeInteger(sizeBytes) ? good({ sizeBytes }) : bad("header parts is not 1,<size>,1,0,0");
}

function parseSum(header: unknown): Result<{ sum?: Sum }> {
  if (header === undefined) return good({});
  if (typeof header === "string" && sumWithoutFile.test(header)) return bad(nothingToFetch);
  const match = typeof header === "string" ? /^([a-z0-9]),(.+)$/.exec(header) : null;
  const [, letter, value] = match ?? [];
  if (!letter || !value) return bad("header sum is not <letter>,<value>");
  const method = (Object.keys(letters) as Sum["method"][]).find((name) => letters[name] === letter);
  // None, sr3's `a` and `z`, or an unknown method: not the message's fault, and the sum just can't be checked.
  if (!method) return good({});
  if (value.length !== hexDigits[letter] || !/^[0-9a-fA-F]+$/.test(value))
    return bad(`header sum has a wrong length or digit: ${letter}`);
  return good({ sum: { method, value: value.toLowerCase() } });
}
