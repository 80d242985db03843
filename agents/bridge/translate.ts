import { type Announcement, fileNameOf, productKey, type ReceivedMessage } from "../lib/announcement.ts";
import { codecs } from "../lib/codecs.ts";
import { bad, good, type Result } from "../lib/result.ts";
import { replacePrefix } from "../lib/topics.ts";
import { applyWisRules } from "../lib/wis-rules.ts";
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
 * Missing sizes and checksums stay missing: nothing is made up.
 * @param nowMs publication time, since 1970, if the announcement has none
 * @returns bad if it is not an announcement
 */
export function readAnnouncement(
  message: ReceivedMessage,
  { from }: Pick<Config, "from">,
  nowMs: number,
): Result<Announcement> {
  const parsed = codecs[from.format].parse(message);
  return parsed.ok ? good(withSum(parsed.value, from, nowMs)) : parsed;
}

/**
 * One announcement in each configured format.
 * @param key its routing key
 * @returns bad if one of the formats can't express it: none is published then
 */
export function translate(
  announcement: Announcement,
  key: string,
  { from, to }: TranslateConfig,
): Result<readonly OutgoingMessage[]> {
  const messages: OutgoingMessage[] = [];
  for (const target of to) {
    const addressed = addressedTo(target, key, announcement, from);
    if (!addressed.ok) return addressed;
    const { routingKey } = addressed.value;
    const formatted = codecs[target.format].format(addressed.value.announcement);
    if (!formatted.ok) return bad(`can't be announced as ${target.format}: ${formatted.reason}`);
    messages.push({ exchange: target.exchange, routingKey, ...formatted.value });
  }
  return good(messages);
}

/** The announcement as the target has it, and its routing key: the same folders under the target's prefix, or by the rules of WIS2. */
function addressedTo(
  target: Config["to"][number],
  key: string,
  announcement: Announcement,
  from: Config["from"],
): Result<{ readonly announcement: Announcement; readonly routingKey: string }> {
  if (target.format === "wis") return applyWisRules(announcement, target);
  const routingKey = replacePrefix(key, from.topicPrefix, target.topicPrefix);
  if (!routingKey.ok) return routingKey;
  return good({ announcement: adapted(announcement, target), routingKey: routingKey.value });
}

/** Turns v00's md5 into a sum with its method, as in v02 and v03. */
function withSum(announcement: Announcement, from: Config["from"], nowMs: number): Announcement {
  const { key } = announcement;
  const timed = { pubTimeMs: nowMs, ...announcement };
  if (from.format !== "v00" || key === undefined) return timed;
  return { ...timed, sum: { method: from.keyOf === "content" ? "md5" : "md5-of-name", value: key } };
}

/** Adds the key that v00 requires, if it is known; drops a sum whose method the format can't express. */
function adapted(announcement: Announcement, target: Exclude<Config["to"][number], { format: "wis" }>): Announcement {
  const { sum, key: _, ...rest } = announcement;
  if (target.format === "v00") {
    if (target.keyOf === "product-name") return { ...rest, key: productKey(fileNameOf(announcement)) };
    return sum?.method === "md5" ? { ...rest, key: sum.value } : rest;
  }
  const unsupported = target.format === "v03" ? "md5-of-name" : "cod";
  return sum === undefined || sum.method === unsupported ? rest : { ...rest, sum };
}
