import * as z from "zod";
import type { FileFacts } from "./scan.ts";
import type { Arrival } from "./tree-watch.ts";

/** A regular expression in a config; Unicode-aware. */
export const regularExpression = z.string().refine(isRegularExpression, "expected a regular expression");

function isRegularExpression(text: string): boolean {
  try {
    new RegExp(text, "u");
    return true;
  } catch {
    return false;
  }
}

/** Whether a path relative to the root is a product, or a folder that may hold products. */
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
 * Whether a file that has just appeared under its name is complete. A created file is still being written, and an event will
 * report when it is closed. The exception is another link to an existing file: nobody will open and close that one here.
 */
export function isComplete(how: Arrival | "found", facts: Pick<FileFacts, "links">): boolean {
  return how !== "created" || facts.links > 1;
}

/**
 * How long to wait, in milliseconds, before a file found by a scan counts as complete; 0 for not at all. It may have been closed
 * before the watch began, so only its age can tell. A file of 0 bytes may have been opened just now and waits longer.
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
