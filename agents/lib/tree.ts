import { closeSync, fstatSync, lstatSync, openSync, realpathSync, statSync } from "node:fs";
import { UserError } from "./errors.ts";
import { isOpenAt, placeFlags } from "./open-file.ts";
import { type FileFacts, factsOf, isGone } from "./scan.ts";

/** What is under a name: a file's facts; nothing or a folder; or something that is never read: a link, a pipe, what is behind a link. */
export type PathState = FileFacts | "irregular" | undefined;

/** Checks one file synchronously, so that the event is handled in the event loop turn that brought it. */
export function inspectPath(root: string, path: string): PathState {
  try {
    // By hand: this runs for every event, and `join` searches each name for dots.
    const stats = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    if (!stats?.isFile()) return stats && !stats.isDirectory() ? "irregular" : undefined;
    return factsOf(stats);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * The same for a caller that will not open the file later, and so can't check where the open file is. The facts are those of what is below the root,
 * not of what a link leads to that replaced one of its folders. The file is opened without reading it, for which this user may lack the permission.
 */
export function inspectInside(root: string, path: string): PathState {
  try {
    const descriptor = openSync(`${root}/${path}`, placeFlags);
    try {
      const stats = fstatSync(descriptor);
      if (stats.isDirectory() || stats.nlink === 0) return undefined;
      return stats.isFile() && isOpenAt(descriptor, `${root}/${path}`, root) ? factsOf(stats) : "irregular";
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** A file that can't be checked (its folder is inaccessible) is reported, and must not end the agent. */
export function inspectOrLog(
  path: string,
  ports: {
    look(path: string): PathState;
    readonly events: { rejected(path: string, reason: string): void; irregular(path: string): void };
  },
): FileFacts | undefined {
  try {
    const found = ports.look(path);
    if (found === "irregular") ports.events.irregular(path);
    return found === "irregular" ? undefined : found;
  } catch (error) {
    ports.events.rejected(path, `can't be accessed: ${(error as Error).message}`);
    return undefined;
  }
}

/** The tree's path without symbolic links, so that paths can be compared. Not around the agent's own files: it would watch itself. */
export function findRoot(directory: string, stateDirectory: string, setting = "rootDirectory"): string {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(setting, `${directory} is not a folder`, `create the folder, or correct ${setting}`);
  }
  const root = realpathSync(directory);
  if (`${realpathSync(stateDirectory)}/`.startsWith(`${root}/`)) {
    throw new UserError(setting, `the agent's own files in ${stateDirectory} are below it`, "keep them apart");
  }
  return root;
}
