import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { identityOf, type QueuedFile } from "./queue-folder.ts";
import { isRefusal } from "./read-file.ts";
import { SourceFault, type UploadSource } from "./server-port.ts";

/** One write to a server, and one read here. */
const chunkBytes = 128 * 1024;

/** A queued file that is open, or why it is not. */
export type Opening =
  | { readonly kind: "open"; readonly source: QueuedSource }
  | { readonly kind: "gone" }
  | { readonly kind: "unreadable"; readonly reason: string }
  | { readonly kind: "fault"; readonly reason: string };

/** Opens a file that a look found; neither a link nor a pipe that took its place meanwhile. */
export async function openQueued(file: QueuedFile): Promise<Opening> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (identityOf(await handle.stat()) === file.identity) {
      return { kind: "open", source: new QueuedSource(handle, file) };
    }
    await handle.close();
    return { kind: "gone" };
  } catch (error) {
    await handle?.close().catch(() => {});
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { kind: "gone" };
    return isRefusal(code)
      ? { kind: "unreadable", reason: `it can't be read: ${message}` }
      : { kind: "fault", reason: `it can't be read now: ${message}` };
  }
}

/** A file of the txq, read piece by piece. */
export class QueuedSource implements UploadSource {
  readonly #handle: FileHandle;
  readonly #file: QueuedFile;

  constructor(handle: FileHandle, file: QueuedFile) {
    this.#handle = handle;
    this.#file = file;
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const { sizeBytes } = this.#file;
    for (let position = 0; position < sizeBytes; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes - position));
      const bytes = await this.#read(buffer, position);
      if (bytes === 0) throw new SourceFault("it became shorter while it was read");
      position += bytes;
      yield buffer.subarray(0, bytes);
    }
  }

  async isUnchanged(): Promise<boolean> {
    return identityOf(await this.#handle.stat()) === this.#file.identity;
  }

  /** The md5 of its content, in hex. */
  async digest(): Promise<string> {
    const hash = createHash("md5");
    for await (const chunk of this.chunks()) hash.update(chunk);
    return hash.digest("hex");
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => {});
  }

  async #read(buffer: Buffer, position: number): Promise<number> {
    try {
      return (await this.#handle.read(buffer, 0, buffer.length, position)).bytesRead;
    } catch (error) {
      throw new SourceFault(`it can't be read now: ${(error as Error).message}`, { cause: error });
    }
  }
}
