import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { isOpenAt, openFlags } from "../lib/open-file.ts";
import { identityOf, type QueuedFile } from "./queue-folder.ts";
import { isRefusal } from "./read-file.ts";
import { SourceFault, type UploadSource } from "./server-port.ts";

/** Size of a read here and of a write to the server. */
const chunkBytes = 128 * 1024;
/** Bytes read before the event loop gets its turn. */
const bytesPerTurn = 8 * 1024 * 1024;

/** An open file of the txq, or why it could not be opened. */
export type Opening =
  | { readonly kind: "open"; readonly source: QueuedSource }
  | { readonly kind: "gone" }
  | { readonly kind: "unreadable"; readonly reason: string }
  | { readonly kind: "fault"; readonly reason: string };

/**
 * Opens a file that a scan of the folder `root` found, but not a link or a pipe that has replaced it. All its operations are synchronous:
 * the files were just written, and a trip to the thread pool takes several times as long as reading one from the page cache.
 */
export function openQueued(file: QueuedFile, root: string): Opening {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file.path, openFlags);
    if (identityOf(fstatSync(descriptor)) === file.identity && isOpenAt(descriptor, file.path, root)) {
      return { kind: "open", source: new QueuedSource(descriptor, file) };
    }
    closeSync(descriptor);
    return { kind: "gone" };
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { kind: "gone" };
    return isRefusal(code)
      ? { kind: "unreadable", reason: `it can't be read: ${message}` }
      : { kind: "fault", reason: `it can't be read now: ${message}` };
  }
}

/** A file of the txq, read piece by piece. */
export class QueuedSource implements UploadSource {
  readonly #descriptor: number;
  readonly #file: QueuedFile;

  constructor(descriptor: number, file: QueuedFile) {
    this.#descriptor = descriptor;
    this.#file = file;
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const { sizeBytes } = this.#file;
    for (let position = 0; position < sizeBytes; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes - position));
      const bytes = this.#read(buffer, position);
      if (bytes === 0) throw new SourceFault("it was truncated while it was being read");
      position += bytes;
      yield buffer.subarray(0, bytes);
    }
  }

  async isUnchanged(): Promise<boolean> {
    return identityOf(fstatSync(this.#descriptor)) === this.#file.identity;
  }

  /** The md5 of its content, in hex. */
  async digest(): Promise<string> {
    const hash = createHash("md5");
    let untilTurn = bytesPerTurn;
    for await (const chunk of this.chunks()) {
      hash.update(chunk);
      untilTurn -= chunk.length;
      if (untilTurn > 0) continue;
      await turn();
      untilTurn = bytesPerTurn;
    }
    return hash.digest("hex");
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #read(buffer: Buffer, position: number): number {
    try {
      return readSync(this.#descriptor, buffer, 0, buffer.length, position);
    } catch (error) {
      throw new SourceFault(`it can't be read now: ${(error as Error).message}`, { cause: error });
    }
  }
}
