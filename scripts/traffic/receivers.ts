import { createHash } from "node:crypto";
import { createReadStream, type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";

/** The receiver queue folder of one PDS, as a path that this process can read. */
export interface ReceiverFolder {
  readonly pds: string;
  readonly directory: string;
}

/** One file in a receiver folder. */
export interface Arrival {
  readonly pds: string;
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
  /** The kernel's change time: the arrival of a file that was renamed into place. Milliseconds since 1970. */
  readonly ctimeMs: number;
}

/**
 * The names in the folders that `wanted` accepts. Other files (earlier runs, a puller's temporary names) don't concern
 * this run.
 */
export async function listNames(
  folders: readonly ReceiverFolder[],
  wanted: (file: string) => boolean,
): Promise<{ pds: string; file: string; path: string }[]> {
  const listings = folders.map(async ({ pds, directory }) => {
    const names = await readdir(directory).catch((error: Error) => {
      throw new UserError(`${pds}: ${directory}`, `the receiver folder can't be read: ${error.message}`, undefined, {
        cause: error,
      });
    });
    return names.filter(wanted).map((file) => ({ pds, file, path: join(directory, file) }));
  });
  return (await Promise.all(listings)).flat();
}

/** The files in the folders that `wanted` accepts, with their contents: what really arrived. */
export async function listArrivals(
  folders: readonly ReceiverFolder[],
  wanted: (file: string) => boolean,
): Promise<Arrival[]> {
  const arrivals: Arrival[] = [];
  // One at a time: hundreds of open files bring nothing on one disk.
  for (const { pds, file, path } of await listNames(folders, wanted)) {
    const { size, ctimeMs } = await stat(path);
    arrivals.push({ pds, file, size, ctimeMs, sha256: await hashFile(path) });
  }
  return arrivals;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest("hex");
}

/**
 * Calls `onName` for each name that appears in (or leaves) a folder. Only a hint, for speed: the system may have no watches left
 * (`fs.inotify.max_user_instances`), or drop events when very many come at once. Callers must list the folder as well.
 */
export function watchFolders(
  folders: readonly ReceiverFolder[],
  onName: (pds: string, file: string) => void,
): () => void {
  const watchers = folders.flatMap(({ pds, directory }): FSWatcher[] => {
    try {
      const watcher = watch(directory, (event, file) => {
        if (event === "rename" && file !== null) onName(pds, file);
      });
      return [watcher.on("error", () => watcher.close())];
    } catch {
      return [];
    }
  });
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}
