import type { Announcement, Codec, ReceivedMessage, WireMessage } from "./announcement.ts";
import {
  bodyBytesMax,
  bodyText,
  checkAddress,
  checkHeaders,
  escapePath,
  fileNameOf,
  unescapePath,
} from "./announcement.ts";
import { bad, good, type Result } from "./result.ts";

/**
 * v00: body `md5 size baseurl/ relpath`, header `filename`. Receivers join the last two fields to a URL, so the path is escaped
 * as in a URL (`escapePath`): there are four fields whatever the name. Carries key, sizeBytes, baseUrl, relPath.
 */
export const codecV00: Codec = {
  format(announcement: Announcement): Result<WireMessage> {
    const { key, sizeBytes, baseUrl, relPath } = announcement;
    if (key === undefined || !/^[0-9a-f]{32}$/.test(key)) return bad("v00 needs a key of 32 hex digits");
    if (sizeBytes === undefined || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
      return bad("v00 needs a size in bytes");
    const address = checkAddress(baseUrl, relPath);
    if (!address.ok) return address;
    const headers = checkHeaders({ filename: fileNameOf(announcement) });
    if (!headers.ok) return headers;
    const body = Buffer.from(`${key} ${sizeBytes} ${baseUrl} ${escapePath(relPath)}`);
    if (body.length > bodyBytesMax) return bad(`path is too long: the announcement would have ${body.length} bytes`);
    return good({ body, headers: headers.value, contentType: "text/plain" });
  },

  parse(message: ReceivedMessage): Result<Announcement> {
    const text = bodyText(message.body);
    if (!text.ok) return text;
    // Runs of spaces are accepted, because the source's own listing aligns its columns.
    const fields = text.value.split(/ +/);
    const [key, size, baseUrl, escapedPath] = fields;
    if (fields.length !== 4 || !key || !size || !baseUrl || !escapedPath) {
      return bad(`v00 has four fields (md5 size baseurl/ relpath), got ${fields.length}`);
    }
    if (!/^[0-9a-fA-F]{32}$/.test(key))
      return bad(`first field is 32 hex digits, got ${JSON.stringify(key.slice(0, 80))}`);
    const sizeBytes = /^[0-9]{1,16}$/.test(size) ? Number(size) : Number.NaN;
    if (!Number.isSafeInteger(sizeBytes))
      return bad(`second field is a size in bytes, got ${JSON.stringify(size.slice(0, 80))}`);
    const relPath = unescapePath(escapedPath);
    if (!relPath.ok) return relPath;
    const address = checkAddress(baseUrl, relPath.value);
    if (!address.ok) return address;
    return good({ ...address.value, sizeBytes, key: key.toLowerCase() });
  },
};
