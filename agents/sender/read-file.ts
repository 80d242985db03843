import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { isOpenAt, openFlags } from "../lib/open-file.ts";
import { bad, good, type Result } from "../lib/result.ts";
import { identityOf, type QueuedFile } from "./queue-folder.ts";

/** What was found of a file: its bytes; or that it is gone, or not the one any more that was looked at; or why it can't be read. */
export type Reading =
  | { readonly kind: "content"; readonly content: Buffer }
  | { readonly kind: "gone" }
  | { readonly kind: "unreadable"; readonly reason: string }
  | { readonly kind: "fault"; readonly reason: string };

/** Faults of this user's rights: no later try helps without a person. */
const refusals: ReadonlySet<string | undefined> = new Set(["EACCES", "EPERM", "ELOOP", "ENXIO"]);

/** Whether an error of this code is one of this user's rights. */
export function isRefusal(code: string | undefined): boolean {
  return refusals.has(code);
}

/** Reads a file that a look through the folder `root` found, whole. */
export async function readQueued(file: QueuedFile, root: string): Promise<Reading> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file.path, openFlags);
    if (identityOf(await handle.stat()) !== file.identity) return { kind: "gone" };
    if (!isOpenAt(handle.fd, file.path, root)) return { kind: "gone" };
    const content = await handle.readFile();
    // Written to while it was read: it is taken when it rests.
    if (identityOf(await handle.stat()) !== file.identity || content.length !== file.sizeBytes) return { kind: "gone" };
    return { kind: "content", content };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { kind: "gone" };
    return isRefusal(code)
      ? { kind: "unreadable", reason: `it can't be read: ${message}` }
      : { kind: "fault", reason: `it can't be read now: ${message}` };
  } finally {
    await handle?.close().catch(() => {});
  }
}

/** Larger products take minutes to read, and all other files would wait. */
const productBytesMax = 16 * 1024 * 1024 * 1024;

/** Size and md5 of a product below a folder, links in it followed as far as they stay there; bad where it can't be read. */
export async function productFacts(
  root: string,
  relPath: string,
): Promise<Result<{ readonly sizeBytes: number; readonly md5: string }>> {
  let handle: FileHandle | undefined;
  try {
    const real = realpathSync.native(root);
    const path = realpathSync.native(join(real, relPath));
    handle = await open(path, openFlags);
    const stats = await handle.stat();
    if (!path.startsWith(`${real}/`) || !isOpenAt(handle.fd, path, real))
      return bad("the product is outside its folder");
    if (!stats.isFile()) return bad("the product is no file");
    if (stats.size > productBytesMax) return bad(`the product has more than ${productBytesMax} bytes`);
    const hash = createHash("md5");
    let sizeBytes = 0;
    // As far as it was when it was opened: one that grows has no end.
    const options = { autoClose: false, ...(stats.size > 0 ? { start: 0, end: stats.size - 1 } : {}) };
    for await (const chunk of handle.createReadStream(options) as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      hash.update(chunk);
    }
    return good({ sizeBytes, md5: hash.digest("hex") });
  } catch (error) {
    return bad(`the product can't be read here: ${(error as Error).message}`);
  } finally {
    await handle?.close().catch(() => {});
  }
}
