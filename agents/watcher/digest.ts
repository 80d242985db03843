import { createHash, hash } from "node:crypto";
import { closeSync, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { isOpenAt, openFlags } from "../lib/open-file.ts";
import { type FileFacts, factsOf, isGone, isSame } from "../lib/scan.ts";

/** The result of reading a file. `changed`: it is not, or no longer, the file that was to be read. */
export type Digest =
  | { readonly kind: "complete"; readonly md5: string }
  | { readonly kind: "gone" }
  | { readonly kind: "changed" }
  | { readonly kind: "unreadable"; readonly error: Error };

/** Read synchronously: a trip to the thread pool takes longer than reading so little. */
const smallBytesMax = 64 * 1024;
const chunkBytes = 64 * 1024;

/**
 * The md5 of a file's content, provided that the file has these facts and this name before, during and after the read. Never
 * rejects: a file system error is a result.
 *
 * @param root a folder above the path; no symbolic link below it is followed
 */
export async function digestFile(path: string, facts: FileFacts, root: string): Promise<Digest> {
  try {
    const md5 = facts.size <= smallBytesMax ? digestSmall(path, facts, root) : await digestLarge(path, facts, root);
    if (md5 === undefined || !isSame(factsOf(lstatSync(path)), facts)) return { kind: "changed" };
    return { kind: "complete", md5 };
  } catch (error) {
    if (isGone(error)) return { kind: "gone" };
    // O_NOFOLLOW on a symbolic link.
    if ((error as NodeJS.ErrnoException).code === "ELOOP") return { kind: "changed" };
    return { kind: "unreadable", error: error as Error };
  }
}

/** The file was moved or removed since it was opened, or a link replaced its folder: it is no longer at its path. */
const elsewhere = () => Object.assign(new Error("not under this path"), { code: "ENOENT" });

/** Undefined if it is a different file or its size has changed. */
function digestSmall(path: string, facts: FileFacts, root: string): string | undefined {
  const descriptor = openSync(path, openFlags);
  try {
    if (!isOpenAt(descriptor, path, root)) throw elsewhere();
    if (!isSame(factsOf(fstatSync(descriptor)), facts)) return undefined;
    const content = Buffer.allocUnsafe(facts.size);
    let filled = 0;
    for (let count = -1; filled < facts.size && count !== 0; filled += count) {
      count = readSync(descriptor, content, filled, facts.size - filled, filled);
    }
    return filled === facts.size ? hash("md5", content, "hex") : undefined;
  } finally {
    closeSync(descriptor);
  }
}

async function digestLarge(path: string, facts: FileFacts, root: string): Promise<string | undefined> {
  const handle = await open(path, openFlags);
  try {
    if (!isOpenAt(handle.fd, path, root)) throw elsewhere();
    return isSame(factsOf(await handle.stat()), facts) ? await digestOpen(handle, facts.size) : undefined;
  } finally {
    await handle.close();
  }
}

async function digestOpen(handle: FileHandle, size: number): Promise<string | undefined> {
  const sum = createHash("md5");
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunkBytes, size - at), at);
    if (bytesRead === 0) return undefined;
    sum.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return sum.digest("hex");
}
