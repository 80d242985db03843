import { lstatSync, realpathSync, statSync } from "node:fs";
import { UserError } from "./errors.ts";
import { type FileFacts, factsOf, isGone } from "./scan.ts";

/** What is under a name: a file's facts; nothing, or a folder; or something that is never read: a link, a pipe, what is behind a link. */
export type Looked = FileFacts | "irregular" | undefined;

/** Looks at one file at once: the event is handled in the turn that brought it. */
export function look(root: string, path: string): Looked {
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
 * The same for who opens no file, and so can't ask the open one where it is: one behind a link that took its folder's place is irregular, too. Takes three
 * times as long.
 */
export function lookInside(root: string, path: string): Looked {
  const found = look(root, path);
  if (typeof found !== "object") return found;
  try {
    return isBehindLink(root, path) ? "irregular" : found;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Whether one of its folders was replaced by a symbolic link since it was told of. */
function isBehindLink(root: string, path: string): boolean {
  const end = path.lastIndexOf("/");
  if (end < 0) return false;
  const folder = path.slice(0, end);
  const real = realpathSync.native(`${root}/${folder}`);
  // The root may have been moved, and be reached by a link: that is for its owner to decide.
  return real !== `${root}/${folder}` && real !== `${realpathSync.native(root)}/${folder}`;
}

/** A file that can't be looked at (its folder was closed to us) is told, and must not end the agent. */
export function lookOrTell(
  path: string,
  ports: {
    look(path: string): Looked;
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
