import type { Client, SFTPWrapper } from "ssh2";
import type { SftpConfig } from "./config.ts";
import {
  directoriesBelow,
  type PlacingRules,
  type PutOutcome,
  remotePath,
  type ServerConnection,
  SourceFault,
  type Upload,
} from "./server-port.ts";
import { ConnectionLost, SftpCalls } from "./sftp-calls.ts";

/** Status codes of SFTP version 3. */
const status = { noSuchFile: 2, permissionDenied: 3, failure: 4 } as const;
/** Unanswered writes per file. */
const writesAtOnce = 8;
/** Readable by nobody, not even the owner: `lock umask` of Sundew. */
const lockedMode = 0o000;
/** A partial file is accessible only to its owner. */
const partMode = 0o600;

type StatusError = Error & { readonly code?: unknown };

/** One SFTP session with many uploads at a time. Each is open, write, mode, close, rename; answers are awaited only where needed. */
export class SftpConnection implements ServerConnection {
  readonly uploadsAtOnce: number;
  readonly #sftp: SFTPWrapper;
  readonly #rules: PlacingRules;
  readonly #calls: SftpCalls;
  /** Directories that exist or are being created. */
  readonly #directories = new Map<string, Promise<void>>();
  #bytesUnderWay = 0;

  constructor(
    client: Client,
    sftp: SFTPWrapper,
    { filesAtOnce, idleTimeoutMs }: Pick<SftpConfig["server"], "filesAtOnce" | "idleTimeoutMs">,
    rules: PlacingRules,
  ) {
    this.#sftp = sftp;
    this.#rules = rules;
    this.uploadsAtOnce = filesAtOnce;
    this.#calls = new SftpCalls(client, sftp, idleTimeoutMs);
  }

  get endReason(): string | undefined {
    return this.#calls.endReason;
  }

  async put(upload: Upload): Promise<PutOutcome> {
    this.#bytesUnderWay += upload.source.sizeBytes;
    try {
      await this.#haveDirectory(upload.directory);
      return await this.#put(upload);
    } catch (error) {
      return await this.#outcomeOf(error as Error, upload);
    } finally {
      this.#bytesUnderWay -= upload.source.sizeBytes;
    }
  }

  async remove(path: string): Promise<void> {
    await this.#calls.call<void>((done) => this.#sftp.unlink(path, done)).catch(ignoreMissing);
  }

  close(): void {
    this.#calls.end("closed");
  }

  async #put({ directory, name, partName, source }: Upload): Promise<PutOutcome> {
    const path = remotePath(directory, partName ?? name);
    const handle = partName === undefined ? await this.#createLocked(path) : await this.#create(path, partMode);
    // The server reuses the handle of a closed file, so it must not be closed twice.
    let isOpen = true;
    const close = () => {
      isOpen = false;
      return this.#calls.call<void>((done) => this.#sftp.close(handle, done));
    };
    try {
      await this.#write(handle, source.chunks());
      const isUnchanged = await source.isUnchanged();
      if (!isUnchanged) {
        await this.#discard(path, close);
        return { kind: "changed" };
      }
      const { fileMode } = this.#rules;
      const readable = this.#calls.call<void>((done) => this.#sftp.fchmod(handle, fileMode, done));
      // A server without modes is fine, unless the mode is the lock.
      const modeSet = partName === undefined ? readable : readable.catch(ignoreStatus);
      await Promise.all([modeSet, close()]);
      if (partName !== undefined) await this.#rename(path, remotePath(directory, name));
      return { kind: "there" };
    } catch (error) {
      await this.#discard(path, isOpen ? close : undefined);
      throw error;
    }
  }

  async #write(handle: Buffer, chunks: AsyncIterable<Buffer>): Promise<void> {
    const writes: Promise<void>[] = [];
    let position = 0;
    for await (const chunk of chunks) {
      const at = position;
      const write = this.#calls.call<void>((done) => this.#sftp.write(handle, chunk, 0, chunk.length, at, done));
      write.catch(() => {});
      writes.push(write);
      position += chunk.length;
      if (writes.length >= writesAtOnce) await writes.shift();
    }
    await Promise.all(writes);
  }

  #create(path: string, mode: number, flags: "w" | "wx" = "w"): Promise<Buffer> {
    return this.#calls.call<Buffer>((done) => this.#sftp.open(path, flags, { mode }, done));
  }

  /** Always a new file: readers of the previous one keep it, and its mode can't get in the way. */
  async #createLocked(path: string): Promise<Buffer> {
    try {
      return await this.#create(path, lockedMode, "wx");
    } catch (error) {
      if ((error as StatusError).code !== status.failure) throw error;
      await this.remove(path);
      return this.#create(path, lockedMode, "wx");
    }
  }

  async #rename(from: string, to: string): Promise<void> {
    try {
      await this.#calls.call<void>((done) => this.#sftp.ext_openssh_rename(from, to, done));
    } catch (error) {
      if (typeof (error as StatusError).code === "number" || error instanceof ConnectionLost) throw error;
      // Without the extension, a server's rename doesn't replace an existing file.
      await this.remove(to);
      await this.#calls.call<void>((done) => this.#sftp.rename(from, to, done));
    }
  }

  /** Removes a partial file if possible: a remainder is unreadable or has the name of a partial file. */
  async #discard(path: string, close?: () => Promise<void>): Promise<void> {
    if (this.endReason === undefined) await Promise.allSettled([close?.(), this.remove(path)]);
  }

  #haveDirectory(directory: string): Promise<void> {
    if (directory === "" || directory === this.#rules.root) return Promise.resolve();
    const known = this.#directories.get(directory);
    if (known) return known;
    const making = this.#makeDirectory(directory);
    this.#directories.set(directory, making);
    making.catch(() => this.#directories.delete(directory));
    return making;
  }

  async #makeDirectory(directory: string): Promise<void> {
    const { root, makeDirectories, directoryMode } = this.#rules;
    const stat = () => this.#calls.call<{ isDirectory(): boolean }>((done) => this.#sftp.stat(directory, done));
    if (makeDirectories && !(await stat().then(() => true, ignoreMissing))) {
      for (const path of directoriesBelow(root, directory)) {
        const made = this.#calls.call<void>((done) => this.#sftp.mkdir(path, { mode: directoryMode }, done));
        // The server's umask affects the mode of a new directory, so it is set again. An existing directory keeps its mode.
        const chmod = () => this.#calls.call<void>((done) => this.#sftp.chmod(path, directoryMode, done));
        await made.then(chmod, (error) => ignoreThere(error));
      }
    }
    await stat();
  }

  async #outcomeOf(error: Error, { directory, name }: Upload): Promise<PutOutcome> {
    if (error instanceof SourceFault) return { kind: "unreadable", reason: error.message };
    if (this.endReason !== undefined || error instanceof ConnectionLost) {
      return { kind: "lost", reason: this.endReason ?? error.message };
    }
    const { code } = error as StatusError;
    const where = directory === "" ? "the login directory" : directory;
    if (code === status.noSuchFile) {
      this.#directories.delete(directory);
      return { kind: "refused", fault: "missing", scope: "directory", reason: `${where} doesn't exist` };
    }
    if (code === status.permissionDenied) {
      const reason = `this user may not write into ${where}`;
      return { kind: "refused", fault: "permission", scope: "directory", reason };
    }
    if (code !== status.failure) {
      return { kind: "refused", fault: "other", scope: "file", reason: `${name}: ${error.message}` };
    }
    if (await this.#isFull(directory)) {
      return { kind: "refused", fault: "room", scope: "server", reason: "the server's disk is full" };
    }
    const reason = `the server can't store ${name} in ${where} and gives no reason: check for a quota or a directory with that name`;
    return { kind: "refused", fault: "other", scope: "file", reason };
  }

  /** Whether there is no room for the uploads in flight; also false if the server doesn't tell. */
  async #isFull(directory: string): Promise<boolean> {
    const path = directory === "" ? "." : directory;
    const answer = await this.#calls
      .call<unknown>((done) => this.#sftp.ext_openssh_statvfs(path, done))
      .catch(() => undefined);
    if (answer === undefined) return false;
    const facts = answer as Record<"f_bavail" | "f_frsize" | "f_files" | "f_favail", number | bigint>;
    const isWithoutRoom = Number(facts.f_bavail) * Number(facts.f_frsize) < this.#bytesUnderWay;
    // File systems that don't count files report 0.
    return isWithoutRoom || (Number(facts.f_files) > 0 && Number(facts.f_favail) < this.uploadsAtOnce);
  }
}

function ignoreMissing(error: StatusError): undefined {
  if (error.code !== status.noSuchFile) throw error;
  return undefined;
}

function ignoreThere(error: StatusError): void {
  if (error.code !== status.failure) throw error;
}

function ignoreStatus(error: StatusError): void {
  if (typeof error.code !== "number") throw error;
}
