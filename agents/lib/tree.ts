import { closeSync, fstatSync, lstatSync, openSync, realpathSync, statSync } from "node:fs";
import { UserError } from "./errors.ts";
import { isOpenAt, placeFlags } from "./open-file.ts";
import { type FileFacts, factsOf, isGone } from "./scan.ts";

/** What is under a name: a file's facts; nothing, or a folder; or something that is never read: a link, a pipe, what is behind a link. */
export type PathState = FileFacts | "irregular" | undefined;

/** Looks at one file at once: the event is handled in the turn that brought it. */
export function inspectPath(root: string, path: string): PathState {
  try {
    // By hand: this runs for every event, and `join` looks through each name for dots.
    const stats = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    if (!stats?.isFile()) return stats && !stats.isDirectory() ? "irregular" : undefined;
    return factsOf(stats);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * The same for who opens no file later, and so can't ask the open one where it is then: the facts are those of what lies below the root, and not of what
 * a link leads to that took the place of one of its folders. Opened without the right to read it, which this user may not have.
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

/** A file that can't be looked at (its folder was closed to us) is told, and must not end the agent. */
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
    ports.events.rejected(path, `can't be looked at: ${(error as Error).message}`);
    return undefined;
  }
}

/** The tree without symbolic links, so that paths can be compared; not around the agent's own files, it would watch itself. */
export function findRoot(directory: string, stateDirectory: string, setting = "rootDirectory"): string {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(setting, `${directory} is no folder`, `make the folder, or correct ${setting}`);
  }
  const root = realpathSync(directory);
  if (`${realpathSync(stateDirectory)}/`.startsWith(`${root}/`)) {
    throw new UserError(setting, `the agent's own files, ${stateDirectory}, are below it`, "keep them apart");
  }
  return root;
}
