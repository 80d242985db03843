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
import { Gone, SftpCalls } from "./sftp-calls.ts";

/** Of the SFTP protocol, version 3. */
const status = { noSuchFile: 2, permissionDenied: 3, failure: 4 } as const;
/** Of one file, not answered yet. */
const writesAtOnce = 8;
/** Nobody may read, not even the owner: the old `lock umask`. */
const lockedMode = 0o000;
/** Of a part: its owner's alone. */
const partMode = 0o600;

type StatusError = Error & { readonly code?: unknown };

/** One login by SFTP: many uploads at a time, each of them open, write, mode, close, rename, and their answers awaited where it matters. */
export class SftpConnection implements ServerConnection {
  readonly uploadsAtOnce: number;
  readonly #sftp: SFTPWrapper;
  readonly #rules: PlacingRules;
  readonly #calls: SftpCalls;
  /** Directories that are there, or are being made. */
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
    // The server gives a handle that is closed to the next file: it must not be closed twice.
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
      // A server without modes: whoever may read the file reads it all the same, unless it is locked by them.
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

  /** Always a new file: who has the one before open goes on reading that, and no mode of it is in the way. */
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
      if (typeof (error as StatusError).code === "number" || error instanceof Gone) throw error;
      // A server without the extension: its rename takes no name that is there.
      await this.remove(to);
      await this.#calls.call<void>((done) => this.#sftp.rename(from, to, done));
    }
  }

  /** Takes away what is half done, as far as the server lets us: what stays under this name nobody can read, or takes for a file. */
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
        // The server's own mask has a say in the mode of what was made; one that is there stays as it is.
        const chmod = () => this.#calls.call<void>((done) => this.#sftp.chmod(path, directoryMode, done));
        await made.then(chmod, (error) => ignoreThere(error));
      }
    }
    await stat();
  }

  async #outcomeOf(error: Error, { directory, name }: Upload): Promise<PutOutcome> {
    if (error instanceof SourceFault) return { kind: "unreadable", reason: error.message };
    if (this.endReason !== undefined || error instanceof Gone) {
      return { kind: "lost", reason: this.endReason ?? error.message };
    }
    const { code } = error as StatusError;
    const where = directory === "" ? "where the login begins" : directory;
    if (code === status.noSuchFile) {
      this.#directories.delete(directory);
      return { kind: "refused", fault: "missing", scope: "directory", reason: `${where} is not there` };
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
    const reason = `the server can't take ${name} in ${where}, and doesn't say why: a quota, a directory of that name?`;
    return { kind: "refused", fault: "other", scope: "file", reason };
  }

  /** Whether what is under way has no room; false too where it can't be told. */
  async #isFull(directory: string): Promise<boolean> {
    const path = directory === "" ? "." : directory;
    const told = await this.#calls
      .call<unknown>((done) => this.#sftp.ext_openssh_statvfs(path, done))
      .catch(() => undefined);
    if (told === undefined) return false;
    const facts = told as Record<"f_bavail" | "f_frsize" | "f_files" | "f_favail", number | bigint>;
    const isWithoutRoom = Number(facts.f_bavail) * Number(facts.f_frsize) < this.#bytesUnderWay;
    // File systems that don't count files say that there are none.
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
