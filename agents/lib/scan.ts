import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { nameAsText } from "./inotify-records.ts";

/** A file's facts from the file system; times in milliseconds since 1970. */
export interface FileFacts {
  readonly inode: string;
  readonly size: number;
  /** Time of the last change of content. */
  readonly modifiedMs: number;
  /** Time of the last change of any kind, including renaming and linking; can't be set by hand. */
  readonly changedMs: number;
  readonly links: number;
}

export interface Scan {
  /** Files with their paths relative to the root, oldest change first. */
  readonly files: readonly (FileFacts & { readonly path: string })[];
  /** Every folder that was scanned, including the start. */
  readonly folders: readonly { readonly path: string; readonly inode: bigint }[];
  /** Names that are not valid UTF-8, shown with replacement characters. */
  readonly undecodable: readonly string[];
  /** Folders that can't be read, and why. */
  readonly unreadable: readonly UnreadableFolder[];
  /** Those of them that are too deep for any announcement. */
  readonly tooDeep: readonly string[];
  /** Neither files nor folders: links, pipes, sockets, devices. They are never read. */
  readonly irregularCount: number;
}

export interface UnreadableFolder {
  readonly path: string;
  readonly reason: string;
}

/** What a scan of a folder found. */
export interface ScannedCounts {
  readonly filesCount: number;
  readonly newCount: number;
  /** Neither files nor folders. */
  readonly irregularCount: number;
}

export interface ScanRules {
  /** False for a file or folder (path relative to the root) that is to be skipped, with everything below. */
  readonly wanted: (path: string) => boolean;
  /** Only files changed since then; 0 for all. */
  readonly changedSinceMs: number;
}

/**
 * Limit of a folder's path from the root. Its words go into a routing key of 255 bytes, so nothing below a longer path could be
 * announced. And the system does not open paths beyond PATH_MAX, 4096 bytes with the root.
 */
const folderBytesMax = 1024;
const tooDeepReason = `its path has more than ${folderBytesMax} bytes: nothing below it can be announced`;

// A file system handles a few lookups at a time well, and thousands no better.
const lookupsAtOnce = 32;

/**
 * Scans a folder of the tree and everything below it. What vanishes meanwhile is left out. Folders behind a symbolic link are not
 * scanned, as inotifywait does not watch them either.
 */
export async function scan(root: string, start: string, rules: ScanRules): Promise<Scan> {
  const files: (FileFacts & { path: string })[] = [];
  const folders: { path: string; inode: bigint }[] = [];
  const undecodable: string[] = [];
  const unreadable: UnreadableFolder[] = [];
  const tooDeep: string[] = [];
  let irregularCount = 0;
  const waiting = [start];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (Buffer.byteLength(folder) > folderBytesMax) {
      tooDeep.push(folder);
      unreadable.push({ path: folder, reason: tooDeepReason });
      continue;
    }
    const found = await listFolder(root, folder);
    if (typeof found === "object" && "reason" in found) unreadable.push({ path: folder, reason: found.reason });
    if (found === "gone" || "reason" in found) continue;
    folders.push({ path: folder, inode: found.inode });
    const paths: string[] = [];
    for (const entry of found.entries) {
      const name = nameAsText(entry.name);
      const path = folder === "" ? (name ?? "") : `${folder}/${name}`;
      if (name === undefined) undecodable.push(join(folder, entry.name.toString()));
      else if (!rules.wanted(path)) continue;
      else if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile()) paths.push(path);
      else irregularCount += 1;
    }
    for (let at = 0; at < paths.length; at += lookupsAtOnce) {
      const facts = await Promise.all(paths.slice(at, at + lookupsAtOnce).map((path) => lookUp(root, path)));
      const closed = facts.find((one) => one && "reason" in one);
      if (closed && "reason" in closed) {
        unreadable.push({ path: folder, reason: closed.reason });
        break;
      }
      for (const one of facts) if (one && "inode" in one && one.changedMs >= rules.changedSinceMs) files.push(one);
    }
  }
  files.sort((a, b) => a.changedMs - b.changedMs);
  return { files, folders, undecodable, unreadable, tooDeep, irregularCount };
}

/** Errors of one inaccessible folder, which must not keep the rest from being scanned. */
const folderFaults: ReadonlySet<string | undefined> = new Set(["EACCES", "EPERM", "ELOOP", "ENAMETOOLONG"]);

function reasonOf(error: unknown): { readonly reason: string } {
  if (folderFaults.has((error as NodeJS.ErrnoException).code)) return { reason: (error as Error).message };
  throw error;
}

async function listFolder(
  root: string,
  folder: string,
): Promise<{ inode: bigint; entries: Dirent<Buffer>[] } | { readonly reason: string } | "gone"> {
  try {
    const path = join(root, folder);
    const entries = await readdir(path, { withFileTypes: true, encoding: "buffer" });
    return { inode: (await lstat(path, { bigint: true })).ino, entries };
  } catch (error) {
    return isGone(error) ? "gone" : reasonOf(error);
  }
}

async function lookUp(
  root: string,
  path: string,
): Promise<(FileFacts & { path: string }) | { readonly reason: string } | undefined> {
  try {
    const stats = await lstat(join(root, path));
    // It may have become something else since its folder was read.
    return stats.isFile() ? { path, ...factsOf(stats) } : undefined;
  } catch (error) {
    return isGone(error) ? undefined : reasonOf(error);
  }
}

export function factsOf(stats: {
  ino: number;
  size: number;
  mtimeMs: number;
  ctimeMs: number;
  nlink: number;
}): FileFacts {
  return {
    inode: String(stats.ino),
    size: stats.size,
    modifiedMs: stats.mtimeMs,
    changedMs: stats.ctimeMs,
    links: stats.nlink,
  };
}

/** Whether a file is unchanged: the same inode, size and modification time. */
export function isSame(a: FileFacts, b: FileFacts): boolean {
  return a.inode === b.inode && a.size === b.size && a.modifiedMs === b.modifiedMs;
}

/** Gone meanwhile, or no longer a folder. */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR";
}
