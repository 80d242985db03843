import { z } from "zod";
import type { FileFacts } from "./scan.ts";
import type { Arrival } from "./tree-watch.ts";

/** A regular expression as a config gives it; Unicode-aware. */
export const regularExpression = z.string().refine(isRegularExpression, "expected a regular expression");

function isRegularExpression(text: string): boolean {
  try {
    new RegExp(text, "u");
    return true;
  } catch {
    return false;
  }
}

/** Whether a path (relative to the root) is a product's, or a folder's that may hold some. */
export function wantedPaths(config: { readonly accept: readonly string[]; readonly reject: readonly string[] }): {
  readonly file: (path: string) => boolean;
  readonly folder: (path: string) => boolean;
} {
  const accept = config.accept.map((text) => new RegExp(text, "u"));
  const reject = config.reject.map((text) => new RegExp(text, "u"));
  const folder = (path: string) => !path.split("/").some((name) => reject.some((pattern) => pattern.test(name)));
  const file = (path: string) => folder(path) && (accept.length === 0 || accept.some((pattern) => pattern.test(path)));
  return { file, folder };
}

/**
 * Whether a file that just came under its name is whole. A name that was created is being written still, and its closing
 * will be told, unless the name is one more link to a file that has another: then nobody will open and close it here.
 */
export function isComplete(how: Arrival | "found", facts: Pick<FileFacts, "links">): boolean {
  return how !== "created" || facts.links > 1;
}

/**
 * How long to wait before a file found by looking may count as whole, in milliseconds; 0 for at once. Its closing may have
 * been before the watch, so only its rest can tell; a file of 0 bytes may have been opened just now, and waits longer.
 */
export function settleWaitMs(
  facts: Pick<FileFacts, "size" | "changedMs">,
  nowMs: number,
  config: { readonly settleMs: number; readonly emptySettleMs: number },
): number {
  const restMs = facts.size === 0 ? config.emptySettleMs : config.settleMs;
  const restedMs = Math.max(0, nowMs - facts.changedMs);
  return Math.max(0, Math.ceil(restMs - restedMs));
}
