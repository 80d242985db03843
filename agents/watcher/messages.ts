import type { WireMessage } from "../lib/announcement.ts";
import { codecs, type WireFormat } from "../lib/codecs.ts";
import { good, type Result } from "../lib/result.ts";
import { formatFileTopic, formatTopic } from "../lib/topics.ts";
import { applyWisRules, wisTopicPrefix } from "../lib/wis-rules.ts";
import type { Config } from "./config.ts";
import type { ContentFacts } from "./digest.ts";

/** A file to announce: its path below the document root, and its content. */
export interface ChangedFile extends ContentFacts {
  readonly path: string;
  readonly sizeBytes: number;
}

/** One message, ready to be sent. */
export interface OutgoingMessage {
  readonly format: WireFormat;
  readonly routingKey: string;
  readonly message: WireMessage;
}

type MessageConfig = Pick<Config, "formats" | "topicPrefixes" | "topicFileName" | "baseUrl" | "wis">;

/** One message per configured format, in order, the WIS2 notification, and a reason for each format that can't express this file. */
export function composeMessages(
  file: ChangedFile,
  pubTimeMs: number,
  config: MessageConfig,
): { readonly messages: readonly OutgoingMessage[]; readonly reasons: readonly string[] } {
  const messages: OutgoingMessage[] = [];
  const reasons: string[] = [];
  for (const format of config.formats) {
    const composed = composeMessage(format, file, pubTimeMs, config);
    if (composed.ok) messages.push(composed.value);
    else reasons.push(`${format}: ${composed.reason}`);
  }
  const notification = config.wis && composeNotification(file, pubTimeMs, { ...config, wis: config.wis });
  if (notification?.ok) messages.push(notification.value);
  else if (notification) reasons.push(`wis: ${notification.reason}`);
  return { messages, reasons };
}

function composeMessage(
  format: Config["formats"][number],
  { path, sizeBytes, md5 }: ChangedFile,
  pubTimeMs: number,
  config: MessageConfig,
): Result<OutgoingMessage> {
  const topic = (config.topicFileName ? formatFileTopic : formatTopic)(config.topicPrefixes[format], path, "");
  if (!topic.ok) return topic;
  const message = codecs[format].format({
    baseUrl: config.baseUrl,
    relPath: path,
    sizeBytes,
    key: md5,
    sum: { method: "md5", value: md5 },
    pubTimeMs,
  });
  return message.ok ? good({ format, routingKey: topic.value, message: message.value }) : message;
}

function composeNotification(
  { path, sizeBytes, md5, sha512, content }: ChangedFile,
  pubTimeMs: number,
  { baseUrl, wis }: Pick<MessageConfig, "baseUrl"> & { readonly wis: NonNullable<MessageConfig["wis"]> },
): Result<OutgoingMessage> {
  const sum =
    sha512 === undefined ? { method: "md5" as const, value: md5 } : { method: "sha512" as const, value: sha512 };
  const embedded = content ? { wis: { content } } : {};
  const placed = applyWisRules({ baseUrl, relPath: path, sizeBytes, sum, pubTimeMs, ...embedded }, wis);
  if (!placed.ok) return placed;
  const message = codecs.wis.format(placed.value.announcement);
  return message.ok ? good({ format: "wis", routingKey: placed.value.routingKey, message: message.value }) : message;
}

/** The format of a message, by its routing key: the longest matching prefix decides. */
export function formatOf(
  routingKey: string,
  { formats, topicPrefixes, wis }: Pick<Config, "formats" | "topicPrefixes" | "wis">,
): WireFormat | "unknown" {
  if (wis && routingKey.startsWith(`${wisTopicPrefix(wis)}.`)) return "wis";
  const fitting = formats.filter((format) => `${routingKey}.`.startsWith(`${topicPrefixes[format]}.`));
  return fitting.sort((a, b) => topicPrefixes[b].length - topicPrefixes[a].length)[0] ?? "unknown";
}
