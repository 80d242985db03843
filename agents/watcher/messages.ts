import type { WireMessage } from "../lib/announcement.ts";
import { codecs, type WireFormat } from "../lib/codecs.ts";
import { good, type Result } from "../lib/result.ts";
import { formatFileTopic, formatTopic } from "../lib/topics.ts";
import type { Config } from "./config.ts";

/** A file to announce: its path below the document root, and its content. */
export interface ChangedFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly md5: string;
}

/** One message, ready to be sent. */
export interface OutgoingMessage {
  readonly format: WireFormat;
  readonly routingKey: string;
  readonly message: WireMessage;
}

type MessageConfig = Pick<Config, "formats" | "topicPrefixes" | "topicFileName" | "baseUrl">;

/** One message per configured format, in order, and a reason for each format that can't express this file. */
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
  return { messages, reasons };
}

function composeMessage(
  format: WireFormat,
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

/** The format of a message, by its routing key: the longest matching prefix decides. */
export function formatOf(
  routingKey: string,
  { formats, topicPrefixes }: Pick<Config, "formats" | "topicPrefixes">,
): WireFormat | "unknown" {
  const fitting = formats.filter((format) => `${routingKey}.`.startsWith(`${topicPrefixes[format]}.`));
  return fitting.sort((a, b) => topicPrefixes[b].length - topicPrefixes[a].length)[0] ?? "unknown";
}
