import { randomBytes } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { posix } from "node:path";
import type { SFTPWrapper, Stats } from "ssh2";

/** Status codes of the SFTP protocol. */
const noSuchFile = 2;
const permissionDenied = 3;

/** Concurrent writes: enough to keep a link with a high latency busy. */
const writesInFlightMax = 64;

/** Bytes per write: every server accepts this, and it fits into one packet of the channel. */
const writeBytes = 32 * 1024;

/** Content for a remote file. */
export type Source = { readonly path: string } | { readonly text: string };

type Done<Outcome> = (error: Error | null | undefined, outcome: Outcome) => void;

function ask<Outcome>(call: (done: Done<Outcome>) => void): Promise<Outcome> {
  return new Promise((resolve, reject) => call((error, outcome) => (error ? reject(error) : resolve(outcome))));
}

/** Like `ask`, for requests whose answer has no content. */
function order(call: (done: (error: Error | null | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof Error && (error as Error & { code?: unknown }).code === code;
}

/** The target of a path; undefined if there is none. */
export async function statRemote(sftp: SFTPWrapper, path: string): Promise<Stats | undefined> {
  try {
    return await ask<Stats>((done) => sftp.stat(path, done));
  } catch (error) {
    if (hasCode(error, noSuchFile)) return undefined;
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Creates a folder and its parents. Existing ones are left alone. */
export async function makeFolder(sftp: SFTPWrapper, path: string): Promise<void> {
  const found = await statRemote(sftp, path);
  if (found?.isDirectory()) return;
  if (found !== undefined) throw new Error(`${path}: exists and is not a directory`);
  if (posix.dirname(path) !== path) await makeFolder(sftp, posix.dirname(path));
  try {
    await order((done) => sftp.mkdir(path, done));
  } catch (error) {
    // Another copy may have created it in the meantime.
    if ((await statRemote(sftp, path))?.isDirectory()) return;
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Replaces a file atomically: a temporary file beside it is written, then renamed, with the mode and owner of the old file. So a reader never sees
 * half of it, and a running program can be replaced. If the folder allows no new files, the file itself is overwritten.
 */
export async function putFile(sftp: SFTPWrapper, source: Source, path: string): Promise<void> {
  const old = await statRemote(sftp, path);
  try {
    if (old === undefined || old.isFile()) await replaceFile(sftp, source, path, old);
    else await writeOver(sftp, source, path);
  } catch (error) {
    if (old === undefined || !hasCode(error, permissionDenied)) throw named(path, error);
    await writeOver(sftp, source, path).catch((failure) => Promise.reject(named(path, failure)));
  }
}

function named(path: string, error: unknown): Error {
  return new Error(`${path}: ${(error as Error).message}`, { cause: error });
}

async function replaceFile(sftp: SFTPWrapper, source: Source, path: string, old: Stats | undefined): Promise<void> {
  // A link stays a link; its target is replaced.
  const target = old === undefined ? path : await ask<string>((done) => sftp.realpath(path, done));
  const temporary = posix.join(posix.dirname(target), `.${posix.basename(target)}.${randomBytes(6).toString("hex")}`);
  try {
    await writeRemote(sftp, source, temporary, "wx", old);
    await order((done) => sftp.ext_openssh_rename(temporary, target, done));
  } catch (error) {
    await order((done) => sftp.unlink(temporary, done)).catch(() => undefined); // it may not exist
    throw error;
  }
}

function writeOver(sftp: SFTPWrapper, source: Source, path: string): Promise<void> {
  return writeRemote(sftp, source, path, "w", undefined);
}

async function writeRemote(sftp: SFTPWrapper, source: Source, path: string, flags: "w" | "wx", like?: Stats) {
  const handle = await ask<Buffer>((done) => sftp.open(path, flags, done));
  try {
    if ("text" in source) await writeBuffer(sftp, handle, Buffer.from(source.text));
    else await writeLocalFile(sftp, handle, source.path);
    if (like !== undefined) await makeLike(sftp, handle, like);
  } finally {
    await order((done) => sftp.close(handle, done));
  }
}

async function makeLike(sftp: SFTPWrapper, handle: Buffer, { mode, uid, gid }: Stats): Promise<void> {
  const now = await ask<Stats>((done) => sftp.fstat(handle, done));
  // The owner first, because changing it clears special bits of the mode.
  if (now.uid !== uid || now.gid !== gid) {
    await order((done) => sftp.fsetstat(handle, { uid, gid } as never, done));
  }
  await order((done) => sftp.fsetstat(handle, { mode: mode & 0o7777 } as never, done));
}

async function writeBuffer(sftp: SFTPWrapper, handle: Buffer, content: Buffer): Promise<void> {
  const writes = new Writes(sftp, handle);
  for (let at = 0; at < content.length; at += writeBytes) await writes.add(content.subarray(at, at + writeBytes), at);
  await writes.end();
}

async function writeLocalFile(sftp: SFTPWrapper, handle: Buffer, path: string): Promise<void> {
  const file: FileHandle = await open(path);
  const writes = new Writes(sftp, handle);
  try {
    for (let at = 0; ; ) {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.allocUnsafe(writeBytes), position: at });
      if (bytesRead === 0) break;
      await writes.add(buffer.subarray(0, bytesRead), at);
      at += bytesRead;
    }
    await writes.end();
  } finally {
    await file.close();
  }
}

/** Concurrent writes to one remote file. The first failure stops them. */
class Writes {
  readonly #sftp: SFTPWrapper;
  readonly #handle: Buffer;
  #open = 0;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(sftp: SFTPWrapper, handle: Buffer) {
    this.#sftp = sftp;
    this.#handle = handle;
  }

  /** Resolves when another write may be added. */
  async add(chunk: Buffer, position: number): Promise<void> {
    this.#open++;
    this.#sftp.write(this.#handle, chunk, 0, chunk.length, position, (error) => {
      this.#open--;
      this.#failure ??= error ?? undefined;
      this.#wake();
    });
    await this.#until(() => this.#open < writesInFlightMax);
  }

  /** Resolves when every write is confirmed. */
  end(): Promise<void> {
    return this.#until(() => this.#open === 0);
  }

  async #until(reached: () => boolean): Promise<void> {
    while (this.#failure === undefined && !reached()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}
