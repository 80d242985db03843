import { type Announcement, fileNameOf, productKey, type ReceivedMessage } from "../lib/announcement.ts";
import { codecs } from "../lib/codecs.ts";
import { bad, good, type Result } from "../lib/result.ts";
import { replacePrefix } from "../lib/topics.ts";
import type { Config } from "./config.ts";

/** One message, ready to be published. */
export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
}

type TranslateConfig = Pick<Config, "from" | "to">;

/**
 * One announcement in each configured format. Missing sizes and checksums stay missing: nothing is made up.
 * @param nowMs publication time, since 1970, if the announcement has none
 * @returns bad if it is not an announcement, or if one of the formats can't express it: none is published then
 */
export function translate(
  message: ReceivedMessage & { readonly routingKey: string },
  { from, to }: TranslateConfig,
  nowMs: number,
): Result<readonly OutgoingMessage[]> {
  const parsed = codecs[from.format].parse(message);
  if (!parsed.ok) return parsed;
  const announcement = withSum(parsed.value, from, nowMs);
  const messages: OutgoingMessage[] = [];
  for (const target of to) {
    const routingKey = replacePrefix(message.routingKey, from.topicPrefix, target.topicPrefix);
    if (!routingKey.ok) return routingKey;
    const formatted = codecs[target.format].format(adapted(announcement, target));
    if (!formatted.ok) return bad(`can't be announced as ${target.format}: ${formatted.reason}`);
    messages.push({ exchange: target.exchange, routingKey: routingKey.value, ...formatted.value });
  }
  return good(messages);
}

/** Turns v00's md5 into a sum with its method, as in v02 and v03. */
function withSum(announcement: Announcement, from: Config["from"], nowMs: number): Announcement {
  const { key } = announcement;
  const timed = { pubTimeMs: nowMs, ...announcement };
  if (from.format !== "v00" || key === undefined) return timed;
  return { ...timed, sum: { method: from.keyOf === "content" ? "md5" : "md5-of-name", value: key } };
}

/** Adds the key that v00 requires, if it is known; drops a sum whose method the format can't express. */
function adapted(announcement: Announcement, target: Config["to"][number]): Announcement {
  const { sum, key: _, ...rest } = announcement;
  if (target.format === "v00") {
    if (target.keyOf === "product-name") return { ...rest, key: productKey(fileNameOf(announcement)) };
    return sum?.method === "md5" ? { ...rest, key: sum.value } : rest;
  }
  const unsupported = target.format === "v03" ? "md5-of-name" : "cod";
  return sum === undefined || sum.method === unsupported ? rest : { ...rest, sum };
}
