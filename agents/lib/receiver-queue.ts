import { closeSync, fchmodSync, fsync, openSync, renameSync, unlinkSync, write, writeSync } from "node:fs";
import { link, lstat, readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { UserError } from "./errors.ts";
import { controlCharacter } from "./foreign.ts";
import { bad, good, type Result } from "./result.ts";

// The leading dot makes Sundew's ingest skip it, and distinguishes it from products, whose names may not start with a dot.
const partName = /^\.(?:pull|receive)-\d+-\d+\.part$/;
/** Of a file system. */
export const nameBytesMax = 255;
/** Errors of a file system that can't store a name: the fault of the product, not of this host. */
const nameFaults: Readonly<Record<string, string>> = {
  ENAMETOOLONG: "the file name is too long for this file system",
  EILSEQ: "the file name has bytes that this file system does not accept",
  EISDIR: "a folder has the file's name",
};
/**
 * What only touches the system's memory is done synchronously: switching threads takes longer, and for a small file, of which
 * there are many, longer than everything else. Some of a large file's many chunks would wait for the disk.
 */
const atOnceBytesMax = 1024 * 1024;
const syncToDisk = promisify(fsync);
const writeElsewhere = promisify(write);

/** This host could not store a product. The product is not at fault, unless `nameFault` is set. */
export class LocalFault extends Error {
  override readonly name = "LocalFault";
  readonly code: string;

  constructor(directory: string, cause: NodeJS.ErrnoException) {
    super(describeFault(directory, cause), { cause });
    this.code = cause.code ?? "unknown";
  }

  /** Why no file in this folder can ever have this product's name; undefined if that is not the problem. */
  get nameFault(): string | undefined {
    return nameFaults[this.code];
  }
}

function describeFault(directory: string, cause: NodeJS.ErrnoException): string {
  if (cause.code === "ENOSPC") return `the disk of ${directory} is full: make room, then it continues automatically`;
  if (cause.code === "EDQUOT") return `this user's quota in ${directory} is used up: make room or raise it`;
  if (cause.code === "EROFS") return `${directory} is on a read-only file system`;
  if (cause.code === "EACCES" || cause.code === "EPERM") return `this user may not write into ${directory}`;
  if (cause.code === "ENOENT") return `${directory} is missing: create it again, then it continues automatically`;
  return `${directory} accepts no files: ${cause.message}`;
}

/** Checks whether a file may have this name in a receiver queue; fails with the reason. */
export function checkFileName(name: string): Result<string> {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0) return bad("the product has no file name");
  if (bytes > nameBytesMax)
    return bad(`the file name has ${bytes} bytes, but a file system accepts at most ${nameBytesMax}`);
  if (name.includes("/")) return bad("the file name contains a slash");
  if (controlCharacter.test(name)) return bad("the file name contains a control character");
  if (name.startsWith(".")) return bad("the file name starts with a dot, which marks unfinished files");
  if (name.endsWith(".tmp")) return bad("the file name ends in .tmp, which marks unfinished files");
  return good(name);
}

/** A product being written to the folder, under a temporary name. Call `place` or `discard` at the end. */
export interface IncomingFile {
  /** That name, in the same folder. */
  readonly part: string;
  /** Bytes so far. */
  readonly size: number;
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Syncs the file, renames it to its final name in one step (replacing an existing file), then syncs the folder. `named` is
   * called and awaited as soon as the file has its name.
   */
  place(name: string, named?: Named): Promise<void>;
  discard(): Promise<void>;
}

/** One that can also be placed without replacing an existing file. */
export interface NewFile extends IncomingFile {
  /** Like `place` if the name is free; otherwise does nothing and returns false. */
  placeNew(name: string, named?: Named): Promise<boolean>;
}

type Named = () => Promise<void>;

/** The folder from which products are ingested: under its own name a file is complete. */
export class ReceiverQueue {
  readonly #directory: string;
  readonly #mode: number;
  readonly #mark: "pull" | "receive";
  #sequence = 0;
  /** Syncs of the folder: the current one, and the next one, which serves all callers that arrive meanwhile. */
  #syncing: Promise<void> = Promise.resolve();
  #nextSync: Promise<void> | undefined;

  /** `mark` is in the names of unfinished files. */
  constructor(directory: string, mode: number, mark: "pull" | "receive" = "pull") {
    this.#directory = directory;
    this.#mode = mode;
    this.#mark = mark;
  }

  /** Removes what an earlier process left unfinished, returns how many, and checks that the folder accepts files. */
  async prepare(): Promise<number> {
    let removedCount = 0;
    try {
      for (const name of await readdir(this.#directory)) {
        if (!partName.test(name)) continue;
        await unlink(join(this.#directory, name)).catch(ignoreGone);
        removedCount += 1;
      }
      await (await this.receive()).discard();
    } catch (error) {
      const cause = (error instanceof LocalFault ? error.cause : error) as NodeJS.ErrnoException;
      // A full disk is waited for, as in operation.
      if (cause.code === "ENOSPC" || cause.code === "EDQUOT") return removedCount;
      const remedy = `create the folder, owned by the user who runs this agent: install -d -o USER ${this.#directory}`;
      throw new UserError("receiverQueueDirectory", describeFault(this.#directory, cause), remedy, { cause });
    }
    return removedCount;
  }

  /** Size of the product under this name; undefined if there is none. */
  async sizeOf(name: string): Promise<number | undefined> {
    return this.#local(async () => {
      const stats = await lstat(join(this.#directory, name)).catch(ignoreGone);
      return stats?.isFile() ? stats.size : undefined;
    });
  }

  /** Whether the file under this name exists with these bytes; if so, it is also on disk. */
  async has(name: string, content: Uint8Array): Promise<boolean> {
    if ((await this.sizeOf(name)) !== content.byteLength) return false;
    return this.#local(async () => {
      const found = await readFile(join(this.#directory, name)).catch(ignoreGone);
      if (!found?.equals(content)) return false;
      // A killed process may have renamed it and not synced the folder.
      await this.#syncDirectory();
      return true;
    });
  }

  /** Resolves once every name that is there now is on disk. */
  async sync(): Promise<void> {
    await this.#local(() => this.#syncDirectory());
  }

  async receive(): Promise<NewFile> {
    this.#sequence += 1;
    const partName = `.${this.#mark}-${process.pid}-${this.#sequence}.part`;
    const part = join(this.#directory, partName);
    let descriptor: number | undefined = await this.#local(async () => openSync(part, "wx", this.#mode));
    let size = 0;
    const close = (): void => {
      const open = descriptor;
      descriptor = undefined;
      if (open !== undefined) closeSync(open);
    };
    /** Complete and on disk; repeated after a name was taken. */
    const finish = async (): Promise<void> => {
      if (descriptor === undefined) return;
      fchmodSync(descriptor, this.#mode);
      await syncToDisk(descriptor);
      close();
    };
    return {
      part: partName,
      get size() {
        return size;
      },
      write: (chunk) =>
        this.#local(async () => {
          if (descriptor === undefined) throw new Error("the file is closed");
          if (size + chunk.byteLength <= atOnceBytesMax) writeAllSync(descriptor, chunk);
          else await writeAll(descriptor, chunk);
          size += chunk.byteLength;
        }),
      place: (name, named) =>
        this.#local(async () => {
          await finish();
          renameSync(part, join(this.#directory, name));
          await Promise.all([named?.(), this.#syncDirectory()]);
        }),
      placeNew: (name, named) =>
        this.#local(async () => {
          await finish();
          const isNew = await link(part, join(this.#directory, name)).then(() => true, ignoreThere);
          if (!isNew) return false;
          await Promise.all([named?.(), unlink(part)]);
          await this.#syncDirectory();
          return true;
        }),
      // What can't be removed now, because its folder is gone or inaccessible, is removed at the next start.
      discard: async () => {
        attempt(close);
        attempt(() => unlinkSync(part));
      },
    };
  }

  /** One sync serves all renames before it. */
  #syncDirectory(): Promise<void> {
    this.#nextSync ??= this.#syncing
      .catch(() => {})
      .then(() => {
        this.#nextSync = undefined;
        this.#syncing = this.#syncNow();
        return this.#syncing;
      });
    return this.#nextSync;
  }

  async #syncNow(): Promise<void> {
    const descriptor = openSync(this.#directory, "r");
    try {
      await syncToDisk(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  async #local<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new LocalFault(this.#directory, error as NodeJS.ErrnoException);
    }
  }
}

function writeAllSync(descriptor: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.byteLength; ) at += writeSync(descriptor, chunk, at);
}

async function writeAll(descriptor: number, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) {
    at += (await writeElsewhere(descriptor, chunk, at, chunk.byteLength - at, null)).bytesWritten;
  }
}

function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // The caller documents why nothing has to be done.
  }
}

/** False for a name that is taken. */
function ignoreThere(error: NodeJS.ErrnoException): false {
  if (error.code !== "EEXIST") throw error;
  return false;
}

function ignoreGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}
