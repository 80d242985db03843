import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
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

/** Reads a file that a look found, whole. */
export async function readQueued(file: QueuedFile): Promise<Reading> {
  let handle: FileHandle | undefined;
  try {
    // Neither a link nor a pipe that took its place meanwhile is followed or waited for.
    handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (identityOf(await handle.stat()) !== file.identity) return { kind: "gone" };
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

/** Size and md5 of a product below a folder; bad where it can't be read. */
export async function productFacts(
  root: string,
  relPath: string,
): Promise<Result<{ readonly sizeBytes: number; readonly md5: string }>> {
  try {
    const handle = await open(join(root, relPath), constants.O_RDONLY | constants.O_NONBLOCK);
    const hash = createHash("md5");
    let sizeBytes = 0;
    for await (const chunk of handle.createReadStream() as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      hash.update(chunk);
    }
    return good({ sizeBytes, md5: hash.digest("hex") });
  } catch (error) {
    return bad(`the product can't be read here: ${(error as Error).message}`);
  }
}
