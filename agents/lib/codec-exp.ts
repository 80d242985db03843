import type { Announcement, Codec, ReceivedMessage, WireMessage } from "./announcement.ts";
import { announcementUrl, bodyBytesMax, bodyText, checkAddress, unescapePath } from "./announcement.ts";
import { bad, good, type Result } from "./result.ts";

/** exp: the body is the URL, without a newline. Carries baseUrl (scheme and host) and relPath. */
export const codecExp: Codec = {
  format(announcement: Announcement): Result<WireMessage> {
    const address = checkAddress(announcement.baseUrl, announcement.relPath);
    if (!address.ok) return address;
    const body = Buffer.from(announcementUrl(announcement));
    if (body.length > bodyBytesMax) return bad(`path is too long: the announcement would have ${body.length} bytes`);
    // A base URL may have parts that the URL alone can't tell from the path, or no host.
    const read = codecExp.parse({ body });
    return read.ok ? good({ body, headers: {}, contentType: "text/plain" }) : read;
  },

  parse(message: ReceivedMessage): Result<Announcement> {
    const text = bodyText(message.body);
    if (!text.ok) return text;
    const match = /^([a-z]+:\/\/[^\s/?#]+\/)([^\s?#]+)$/.exec(text.value);
    const [, baseUrl, escapedPath] = match ?? [];
    if (!baseUrl || !escapedPath) return bad("exp is one absolute URL with a path");
    const relPath = unescapePath(escapedPath);
    return relPath.ok ? checkAddress(baseUrl, relPath.value) : relPath;
  },
};
