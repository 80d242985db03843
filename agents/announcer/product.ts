import { productKey, type WireMessage } from "../lib/announcement.ts";
import { codecV00 } from "../lib/codec-v00.ts";
import { good, type Result } from "../lib/result.ts";
import { formatTopic } from "../lib/topics.ts";
import type { Config } from "./config.ts";
import type { FileFacts } from "./scan.ts";
import type { Arrival } from "./tree-watch.ts";

/** One announcement, ready to be sent. */
export interface OutgoingAnnouncement {
  readonly routingKey: string;
  readonly message: WireMessage;
}

/** Whether a path (relative to the root) is a product's, or a folder's that may hold some. */
export function wantedPaths(config: Pick<Config, "accept" | "reject">): {
  readonly file: (path: string) => boolean;
  readonly folder: (path: string) => boolean;
} {
  const accept = config.accept.map((text) => new RegExp(text, "u"));
  const reject = config.reject.map((text) => new RegExp(text, "u"));
  const folder = (path: string) => !path.split("/").some((name) => reject.some((pattern) => pattern.test(name)));
  const file = (path: string) => folder(path) && (accept.length === 0 || accept.some((pattern) => pattern.test(path)));
  return { file, folder };
}

/** The announcement of a product of this size; the reason where its path can't be said in one. */
export function composeAnnouncement(
  path: string,
  sizeBytes: number,
  config: Pick<Config, "topicPrefix" | "pathPrefix" | "baseUrl">,
): Result<OutgoingAnnouncement> {
  const relPath = `${config.pathPrefix}/${path}`;
  const topic = formatTopic(config.topicPrefix, relPath, config.pathPrefix);
  if (!topic.ok) return topic;
  const key = productKey(path.slice(path.lastIndexOf("/") + 1));
  const message = codecV00.format({ baseUrl: config.baseUrl, relPath, sizeBytes, key });
  return message.ok ? good({ routingKey: topic.value, message: message.value }) : message;
}

/**
 * Whether a file that just came under its name is whole. A name that was created is being written still, and its closing
 * will be told, unless the name is one more link to a file that has another: then nobody will open and close it here.
 */
export function isWhole(how: Arrival | "found", facts: Pick<FileFacts, "links">): boolean {
  return how !== "created" || facts.links > 1;
}

/**
 * How long to wait before a file found by looking may count as whole, in milliseconds; 0 for at once. Its closing may have
 * been before the watch, so only its rest can tell; a file of 0 bytes may have been opened just now, and waits longer.
 */
export function settleWaitMs(
  facts: Pick<FileFacts, "size" | "changedMs">,
  nowMs: number,
  config: Pick<Config, "settleMs" | "emptySettleMs">,
): number {
  const restMs = facts.size === 0 ? config.emptySettleMs : config.settleMs;
  const restedMs = Math.max(0, nowMs - facts.changedMs);
  return Math.max(0, Math.ceil(restMs - restedMs));
}
