import { createHash, hash } from "node:crypto";
import { closeSync, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { isOpenAt, openFlags } from "../lib/open-file.ts";
import { type FileFacts, factsOf, isGone, isSame } from "../lib/scan.ts";
import { embeddedBytesMax } from "../lib/wis-notification.ts";

/** The result of reading a file. `changed`: it is not, or no longer, the file that was to be read. */
export type Digest =
  | ({ readonly kind: "complete" } & ContentFacts)
  | { readonly kind: "gone" }
  | { readonly kind: "changed" }
  | { readonly kind: "unreadable"; readonly error: Error };

export interface ContentFacts {
  /** Lower-case hex, as is sha512. */
  readonly md5: string;
  /** Only if it was asked for. */
  readonly sha512?: string;
  /** The content itself, of a small file, if it was asked for. */
  readonly content?: Buffer;
}

/** What is wanted besides the md5. Content is kept only if a notification has room for it. */
export interface WantedFacts {
  readonly sha512: boolean;
  readonly content: boolean;
}

/** Read synchronously: a trip to the thread pool takes longer than reading so little. */
const smallBytesMax = 64 * 1024;
const chunkBytes = 64 * 1024;

/**
 * The md5 of a file's content, and what else is wanted, provided that the file has these facts and this name before, during and after the
 * read. Never rejects: a file system error is a result.
 *
 * @param root a folder above the path; no symbolic link below it is followed
 */
export async function digestFile(
  path: string,
  facts: FileFacts,
  root: string,
  wanted: WantedFacts = { sha512: false, content: false },
): Promise<Digest> {
  try {
    const read =
      facts.size <= smallBytesMax
        ? digestSmall(path, facts, { root, wanted })
        : await digestLarge(path, facts, { root, wanted });
    if (read === undefined || !isSame(factsOf(lstatSync(path)), facts)) return { kind: "changed" };
    return { kind: "complete", ...read };
  } catch (error) {
    if (isGone(error)) return { kind: "gone" };
    // O_NOFOLLOW on a symbolic link.
    if ((error as NodeJS.ErrnoException).code === "ELOOP") return { kind: "changed" };
    return { kind: "unreadable", error: error as Error };
  }
}

/** The file was moved or removed since it was opened, or a link replaced its folder: it is no longer at its path. */
const elsewhere = () => Object.assign(new Error("not under this path"), { code: "ENOENT" });

interface ReadOptions {
  readonly root: string;
  readonly wanted: WantedFacts;
}

/** Undefined if it is a different file or its size has changed. */
function digestSmall(path: string, facts: FileFacts, { root, wanted }: ReadOptions): ContentFacts | undefined {
  const descriptor = openSync(path, openFlags);
  try {
    if (!isOpenAt(descriptor, path, root)) throw elsewhere();
    if (!isSame(factsOf(fstatSync(descriptor)), facts)) return undefined;
    const content = Buffer.allocUnsafe(facts.size);
    let filled = 0;
    for (let count = -1; filled < facts.size && count !== 0; filled += count) {
      count = readSync(descriptor, content, filled, facts.size - filled, filled);
    }
    if (filled !== facts.size) return undefined;
    return {
      md5: hash("md5", content, "hex"),
      ...(wanted.sha512 ? { sha512: hash("sha512", content, "hex") } : {}),
      ...(wanted.content && facts.size <= embeddedBytesMax ? { content } : {}),
    };
  } finally {
    closeSync(descriptor);
  }
}

async function digestLarge(
  path: string,
  facts: FileFacts,
  { root, wanted }: ReadOptions,
): Promise<ContentFacts | undefined> {
  const handle = await open(path, openFlags);
  try {
    if (!isOpenAt(handle.fd, path, root)) throw elsewhere();
    return isSame(factsOf(await handle.stat()), facts) ? await digestOpen(handle, facts.size, wanted) : undefined;
  } finally {
    await handle.close();
  }
}

async function digestOpen(handle: FileHandle, size: number, wanted: WantedFacts): Promise<ContentFacts | undefined> {
  const md5 = createHash("md5");
  const sha512 = wanted.sha512 ? createHash("sha512") : undefined;
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunkBytes, size - at), at);
    if (bytesRead === 0) return undefined;
    const part = chunk.subarray(0, bytesRead);
    md5.update(part);
    sha512?.update(part);
    at += bytesRead;
  }
  return { md5: md5.digest("hex"), ...(sha512 ? { sha512: sha512.digest("hex") } : {}) };
}
