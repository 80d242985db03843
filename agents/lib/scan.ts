import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { nameAsText } from "./inotify-records.ts";

/** What the file system says of one file; times in milliseconds since 1970. */
export interface FileFacts {
  readonly inode: string;
  readonly size: number;
  /** Time of the last change of content. */
  readonly modifiedMs: number;
  /** Time of the last change of any kind, renaming and linking included; can't be set by hand. */
  readonly changedMs: number;
  readonly links: number;
}

export interface Scan {
  /** Files with their paths relative to the root, oldest change first. */
  readonly files: readonly (FileFacts & { readonly path: string })[];
  /** Every folder that was looked into, the start included. */
  readonly folders: readonly { readonly path: string; readonly inode: bigint }[];
  /** Names that are not UTF-8, shown with replacement characters. */
  readonly unspeakable: readonly string[];
  /** Folders that this user may not look into. */
  readonly unreadable: readonly string[];
}

export interface ScanRules {
  /** False for a file or folder (path relative to the root) that is to be left alone, with all below. */
  readonly wanted: (path: string) => boolean;
  /** Only files changed since then; 0 for all. */
  readonly changedSinceMs: number;
}

// A file system answers a few questions at once well, thousands not better.
const lookupsAtOnce = 32;

/**
 * Looks through a folder of the tree and all below it. What vanishes meanwhile is left out: it is gone.
 * Folders reached by a symbolic link are not followed, as inotifywait does not either.
 */
export async function scan(root: string, start: string, rules: ScanRules): Promise<Scan> {
  const files: (FileFacts & { path: string })[] = [];
  const folders: { path: string; inode: bigint }[] = [];
  const unspeakable: string[] = [];
  const unreadable: string[] = [];
  const waiting = [start];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const found = await listFolder(root, folder);
    if (found === "unreadable") unreadable.push(folder);
    if (found === "gone" || found === "unreadable") continue;
    folders.push({ path: folder, inode: found.inode });
    const paths: string[] = [];
    for (const entry of found.entries) {
      const name = nameAsText(entry.name);
      const path = folder === "" ? (name ?? "") : `${folder}/${name}`;
      if (name === undefined) unspeakable.push(join(folder, entry.name.toString()));
      else if (!rules.wanted(path)) continue;
      else if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile()) paths.push(path);
    }
    for (let at = 0; at < paths.length; at += lookupsAtOnce) {
      const facts = await Promise.all(paths.slice(at, at + lookupsAtOnce).map((path) => lookUp(root, path)));
      for (const one of facts) if (one && one.changedMs >= rules.changedSinceMs) files.push(one);
    }
  }
  files.sort((a, b) => a.changedMs - b.changedMs);
  return { files, folders, unspeakable, unreadable };
}

async function listFolder(
  root: string,
  folder: string,
): Promise<{ inode: bigint; entries: Dirent<Buffer>[] } | "gone" | "unreadable"> {
  try {
    const path = join(root, folder);
    const entries = await readdir(path, { withFileTypes: true, encoding: "buffer" });
    return { inode: (await lstat(path, { bigint: true })).ino, entries };
  } catch (error) {
    if (isGone(error)) return "gone";
    if ((error as NodeJS.ErrnoException).code === "EACCES") return "unreadable";
    throw error;
  }
}

async function lookUp(root: string, path: string): Promise<(FileFacts & { path: string }) | undefined> {
  try {
    const stats = await lstat(join(root, path));
    return { path, ...factsOf(stats) };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
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

/** Gone meanwhile, or no folder any more. */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR";
}
