import { lstatSync, realpathSync, statSync } from "node:fs";
import { UserError } from "./errors.ts";
import { type FileFacts, factsOf, isGone } from "./scan.ts";

/** Facts of one file, asked at once: the event is handled in the turn that brought it. Undefined where it is none. */
export function look(root: string, path: string): FileFacts | undefined {
  try {
    // By hand: this runs for every event, and `join` looks through each name for dots.
    const stats = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    return stats?.isFile() ? factsOf(stats) : undefined;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** A file that can't be looked at (its folder was closed to us) is told, and must not end the agent. */
export function lookOrTell(
  path: string,
  ports: {
    look(path: string): FileFacts | undefined;
    readonly events: { rejected(path: string, reason: string): void };
  },
): FileFacts | undefined {
  try {
    return ports.look(path);
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
