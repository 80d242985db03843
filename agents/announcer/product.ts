import { productKey, type WireMessage } from "../lib/announcement.ts";
import { codecV00 } from "../lib/codec-v00.ts";
import type { ExportEntry } from "../lib/journal-export.ts";
import { good, type Result } from "../lib/result.ts";
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

/** The announcement of a product, or the reason why its path doesn't fit in one. */
export function composeAnnouncement(
  path: string,
  sizeBytes: number,
  config: Pick<Config, "topicPrefix" | "topicFileName" | "pathPrefix" | "baseUrl">,
): Result<OutgoingAnnouncement> {
  const relPath = `${config.pathPrefix}/${path}`;
  const topic = formatProductTopic(relPath, config);
  if (!topic.ok) return topic;
  const message = codecV00.format({ baseUrl: config.baseUrl, relPath, sizeBytes, key: keyOfProductAt(path) });
  return message.ok ? good({ routingKey: topic.value, message: message.value }) : message;
}

/** A name that doesn't fit is omitted: a product with a shorter topic is better than none. */
function formatProductTopic(
  relPath: string,
  { topicPrefix, topicFileName, pathPrefix }: Pick<Config, "topicPrefix" | "topicFileName" | "pathPrefix">,
): Result<string> {
  const named = topicFileName ? formatFileTopic(topicPrefix, relPath, pathPrefix) : undefined;
  return named?.ok ? named : formatTopic(topicPrefix, relPath, pathPrefix);
}
