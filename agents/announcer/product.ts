import { productKey, type WireMessage } from "../lib/announcement.ts";
import { codecV00 } from "../lib/codec-v00.ts";
import { markHeaders } from "../lib/headers.ts";
import type { ExportEntry } from "../lib/journal-export.ts";
import { good, type Result } from "../lib/result.ts";
import type { FileFacts } from "../lib/scan.ts";
import { formatFileTopic, formatTopic } from "../lib/topics.ts";
import { exportTreeJournal } from "../lib/tree-journal.ts";
import type { Config } from "./config.ts";

/** One announcement, ready to be sent. */
export interface OutgoingAnnouncement {
  readonly routingKey: string;
  readonly message: WireMessage;
}

/** The announcer's journal (see `exportTreeJournal`), each product with the key under which it was announced. */
export async function* exportAnnounced(file: string): AsyncGenerator<ExportEntry> {
  for await (const entry of exportTreeJournal(file)) yield { ...entry, key: keyOfProductAt(entry.path) };
}

const keyOfProductAt = (path: string): string => productKey(path.slice(path.lastIndexOf("/") + 1));

/**
 * The announcement of a product, or the reason why its path doesn't fit in one.
 *
 * @param facts its size, and when it was last changed (`ctime`), which is when it was complete
 */
export function composeAnnouncement(
  path: string,
  { size, changedMs }: Pick<FileFacts, "size" | "changedMs">,
  config: Pick<Config, "topicPrefix" | "topicFileName" | "pathPrefix" | "baseUrl">,
): Result<OutgoingAnnouncement> {
  const relPath = `${config.pathPrefix}/${path}`;
  const topic = formatProductTopic(relPath, config);
  if (!topic.ok) return topic;
  const message = codecV00.format({ baseUrl: config.baseUrl, relPath, sizeBytes: size, key: keyOfProductAt(path) });
  if (!message.ok) return message;
  const headers = { ...message.value.headers, ...markHeaders({ closedMs: Math.round(changedMs) }) };
  return good({ routingKey: topic.value, message: { ...message.value, headers } });
}

/** A name that doesn't fit is omitted: a product with a shorter topic is better than none. */
function formatProductTopic(
  relPath: string,
  { topicPrefix, topicFileName, pathPrefix }: Pick<Config, "topicPrefix" | "topicFileName" | "pathPrefix">,
): Result<string> {
  const named = topicFileName ? formatFileTopic(topicPrefix, relPath, pathPrefix) : undefined;
  return named?.ok ? named : formatTopic(topicPrefix, relPath, pathPrefix);
}
