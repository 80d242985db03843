import { closeSync, openSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { type FileHandle, open, rename, unlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/*
 * Not by write-file-atomic: it opens a guessable name and follows a link there, copies the owner and mode of whatever is at the
 * destination, writes through a link there, does not detect short writes, and does not sync the folder.
 */

export interface AtomicFile {
  /** Of a new file, before the umask. */
  readonly mode?: number;
  /**
   * The name until the file is complete, in the same folder; default `FILE.new`. The default is for a file with one writer: what
   * a kill left is overwritten. Concurrent writers need a name each.
   */
  readonly temporary?: string;
}

export interface SyncedFile extends AtomicFile {
  /** What survives a power loss once this returns; default: the file and its name. */
  readonly synced?: "nothing" | "file" | "file and name";
}

/** A whole file, or its bytes as they arrive. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Writes a file under a temporary name and renames it: a reader sees the complete old or the complete new content. If it fails, nothing remains. The
 * temporary file is always a new one: whatever has its name, be it another user's link or pipe, is removed and not written to.
 *
 * @throws the system's error, which names the temporary file or none
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

/** Opens a new file for writing. Whatever has its name, be it a link or a pipe, is removed. */
export async function openNew(path: string, mode: number): Promise<FileHandle> {
  try {
    return await open(path, "wx", mode);
  } catch (error) {
    if (!isThere(error)) throw error;
    await unlink(path);
    return open(path, "wx", mode);
  }
}

/** The same synchronously, without syncing: a kill loses nothing, a power loss may. */
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

/** Resolves once every name that is now in the folder is on disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}
