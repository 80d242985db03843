import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { isOpenAt, openFlags } from "../lib/open-file.ts";
import { bad, good, type Result } from "../lib/result.ts";
import { identityOf, type QueuedFile } from "./queue-folder.ts";

/** A file's content; or `gone`: it was removed or replaced since the scan; or why it can't be read, permanently or now. */
export type Reading =
  | { readonly kind: "content"; readonly content: Buffer }
  | { readonly kind: "gone" }
  | { readonly kind: "unreadable"; readonly reason: string }
  | { readonly kind: "fault"; readonly reason: string };

/** Errors of permissions: retrying doesn't help until a person changes something. */
const refusals: ReadonlySet<string | undefined> = new Set(["EACCES", "EPERM", "ELOOP", "ENXIO"]);

/** Whether an error code is one of permissions. */
export function isRefusal(code: string | undefined): boolean {
  return refusals.has(code);
}

/** Reads all of a file that a scan of the folder `root` found. */
export async function readQueued(file: QueuedFile, root: string): Promise<Reading> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file.path, openFlags);
    if (identityOf(await handle.stat()) !== file.identity) return { kind: "gone" };
    if (!isOpenAt(handle.fd, file.path, root)) return { kind: "gone" };
    const content = await handle.readFile();
    // Written to while it was being read: a later scan picks it up once it is unchanged.
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

/** Larger products take minutes to read, while all other files wait. */
const productBytesMax = 16 * 1024 * 1024 * 1024;

/** Size and md5 of a product below a folder. Follows links that stay in the folder. Bad if the product can't be read. */
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
    if (!stats.isFile()) return bad("the product is not a regular file");
    if (stats.size > productBytesMax) return bad(`the product has more than ${productBytesMax} bytes`);
    const hash = createHash("md5");
    let sizeBytes = 0;
    // Only up to its size when it was opened: a growing file would never end.
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
