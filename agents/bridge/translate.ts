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
 * One announcement in each of the formats that are wanted. What one format doesn't carry, another doesn't get: sizes and sums are not made up.
 * @param nowMs time of publication where the announcement says none, since 1970
 * @returns bad where it is no announcement, or can't be said in one of them: none goes out then
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
    const told = codecs[target.format].format(sayable(announcement, target));
    if (!told.ok) return bad(`can't be announced as ${target.format}: ${told.reason}`);
    messages.push({ exchange: target.exchange, routingKey: routingKey.value, ...told.value });
  }
  return good(messages);
}

/** v00's md5 with its meaning, as v02 and v03 say it. */
function withSum(announcement: Announcement, from: Config["from"], nowMs: number): Announcement {
  const { key } = announcement;
  const timed = { pubTimeMs: nowMs, ...announcement };
  if (from.format !== "v00" || key === undefined) return timed;
  return { ...timed, sum: { method: from.keyOf === "content" ? "md5" : "md5-of-name", value: key } };
}

/** With the key that v00 has to have, where it is known; without a sum that the format has no word for. */
function sayable(announcement: Announcement, target: Config["to"][number]): Announcement {
  const { sum, key: _, ...rest } = announcement;
  if (target.format === "v00") {
    if (target.keyOf === "product-name") return { ...rest, key: productKey(fileNameOf(announcement)) };
    return sum?.method === "md5" ? { ...rest, key: sum.value } : rest;
  }
  const unsaid = target.format === "v03" ? "md5-of-name" : "cod";
  return sum === undefined || sum.method === unsaid ? rest : { ...rest, sum };
}
