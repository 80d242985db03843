import { closeSync, openSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { type FileHandle, open, rename, unlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/*
 * Not by write-file-atomic: it opens a name that can be guessed and follows a link there, takes the owner and the mode of whatever is at the place,
 * writes to where a link at the place leads, passes over a write that the disk took only part of, and doesn't sync the folder.
 */

export interface AtomicFile {
  /** Of a new file, before the umask. */
  readonly mode?: number;
  /**
   * The name until it is whole, in the same folder; `FILE.new` unless given. That is for a file that one process writes at a time: what a kill left is
   * written anew. Files that several write at once need a name for each.
   */
  readonly temporary?: string;
}

export interface SyncedFile extends AtomicFile {
  /** What is on disk on return, whatever happens to the power; the file and its name unless given. */
  readonly synced?: "nothing" | "file" | "file and name";
}

/** All of a file, or its bytes as they come. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Writes a file under a temporary name and renames it: a reader sees the old content or the new one, whole. Where it fails, nothing of it stays. The
 * temporary file is always a new one: what is under its name, be it a link or a pipe of somebody else, is removed and not written to.
 *
 * @throws what the system says; that names the temporary file, or none
 */
export async function writeAtomic(
  file: string,
  content: FileContent,
  { mode = 0o600, temporary = `${file}.new`, synced = "file and name" }: SyncedFile = {},
): Promise<void> {
  const handle = await openNew(temporary, mode);
  try {
    try {
      await writeFile(handle, content);
      if (synced !== "nothing") await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  if (synced === "file and name") await syncFolder(dirname(file));
}

/** A new file for writing; what has its name, be it a link or a pipe, is removed. */
export async function openNew(path: string, mode: number): Promise<FileHandle> {
  try {
    return await open(path, "wx", mode);
  } catch (error) {
    if (!isThere(error)) throw error;
    await unlink(path);
    return open(path, "wx", mode);
  }
}

/** The same at once, with nothing synced: a killed process loses nothing, a loss of power may. */
export function writeAtomicSync(
  file: string,
  content: string | Uint8Array,
  { mode = 0o600, temporary = `${file}.new` }: AtomicFile = {},
): void {
  const descriptor = openNewNow(temporary, mode);
  try {
    try {
      writeFileSync(descriptor, content);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {}
    throw error;
  }
}

function openNewNow(path: string, mode: number): number {
  try {
    return openSync(path, "wx", mode);
  } catch (error) {
    if (!isThere(error)) throw error;
    unlinkSync(path);
    return openSync(path, "wx", mode);
  }
}

const isThere = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "EEXIST";

/** Resolves when every name that the folder has now is on disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}
