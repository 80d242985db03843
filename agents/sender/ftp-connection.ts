import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Client, FTPError } from "basic-ftp";
import type { FtpConfig } from "./config.ts";
import { openData } from "./ftp-data.ts";
import {
  directoriesBelow,
  type PlacingRules,
  type PutOutcome,
  remotePath,
  type ServerConnection,
  type ServerFault,
  SourceFault,
  type Upload,
} from "./server-port.ts";

/** Servers disconnect idle clients after some minutes; a command now and then is cheaper than another login. */
const keepAliveMs = 30_000;

/** Replies of RFC 959. */
const reply = {
  dataOpen: 125,
  fileOk: 150,
  success: 200,
  unavailable: 550,
  noRoom: [452, 552],
  nameRefused: 553,
} as const;

/** One FTP session: commands run one after the other, so there is one upload at a time. */
export class FtpConnection implements ServerConnection {
  readonly uploadsAtOnce = 1;
  readonly #client: Client;
  readonly #server: FtpConfig["server"];
  readonly #rules: PlacingRules;
  /** Directories that exist. */
  readonly #directories = new Set<string>();
  #usedAtMs = performance.now();
  #endReason: string | undefined;

  constructor(client: Client, server: FtpConfig["server"], rules: PlacingRules) {
    this.#client = client;
    this.#server = server;
    this.#rules = rules;
  }

  get endReason(): string | undefined {
    if (this.#endReason === undefined && this.#client.closed) this.#endReason = "the server closed the connection";
    return this.#endReason;
  }

  async put(upload: Upload): Promise<PutOutcome> {
    try {
      await this.#makeDirectory(upload.directory);
      return await this.#put(upload);
    } catch (error) {
      return this.#outcomeOf(error as Error, upload);
    }
  }

  async remove(path: string): Promise<void> {
    await this.#request(`DELE ${path}`).catch(ignoreUnavailable);
  }

  async keepAlive(): Promise<void> {
    if (performance.now() - this.#usedAtMs < keepAliveMs) return;
    // If it fails the connection has ended, and `endReason` says why.
    await this.#request("NOOP").catch(() => {});
  }

  close(): void {
    this.#endReason ??= "closed";
    this.#client.close();
  }

  async #put({ directory, name, partName, source }: Upload): Promise<PutOutcome> {
    const path = pathOf(directory, partName ?? name);
    // Always a new file: an existing one would keep its mode, and its readers would see it grow.
    if (partName === undefined) await this.remove(path);
    try {
      await this.#store(path, source.chunks());
      const isUnchanged = await source.isUnchanged();
      if (!isUnchanged) {
        await this.remove(path);
        return { kind: "changed" };
      }
      await this.#compareSize(path, source.sizeBytes);
      const readable = this.#request(`SITE CHMOD ${octal(this.#rules.fileMode)} ${path}`);
      // A server without modes is fine, unless the mode is the lock.
      await (partName === undefined ? readable : readable.catch(ignoreRefusal));
      if (partName !== undefined) await this.#rename(path, pathOf(directory, name));
      return { kind: "there" };
    } catch (error) {
      // If the removal fails, the remainder is unreadable or has the name of a partial file.
      if (this.endReason === undefined) await this.remove(path).catch(() => {});
      throw error;
    }
  }

  /**
   * Without TLS, anybody at the server who connects to its port first is taken for this client: the server confirms what it got from there. A server
   * that tells no sizes is believed.
   */
  async #compareSize(path: string, sizeBytes: number): Promise<void> {
    const answer = await this.#request(`SIZE ${path}`).catch(ignoreRefusal);
    const found = answer && /^213 (\d+)/.exec(answer.message)?.[1];
    if (found && Number(found) !== sizeBytes) {
      throw new Error(`the server has ${found} bytes of ${path} instead of ${sizeBytes}`);
    }
  }

  /** Resolves when the server has confirmed the transfer. */
  async #store(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
    const { ftp } = this.#client;
    const { mode, idleTimeoutMs } = this.#server;
    const data = await openData(ftp, { mode, timeoutMs: this.#server.connectTimeoutMs });
    let sending: Promise<Error | undefined> = Promise.resolve(undefined);
    const timer = setTimeout(
      () => ftp.closeWithError(new Error(`the server accepted no data for ${idleTimeoutMs} ms`)),
      idleTimeoutMs,
    );
    try {
      let isOpen = false;
      await ftp.handle(`STOR ${path}`, (answer, task) => {
        if (answer instanceof Error) return task.reject(answer);
        if (answer.code === reply.fileOk || answer.code === reply.dataOpen) {
          if (isOpen) return;
          isOpen = true;
          ftp.socket.setTimeout(0);
          sending = sendAll(data.socket(), chunks, () => timer.refresh());
          void sending.then((error) => {
            // If the server refuses halfway, its reply says so. If the file can't be read here, no reply will come.
            if (error instanceof SourceFault) ftp.closeWithError(error);
          });
        } else if (answer.code >= reply.success) task.resolve(answer);
      });
      const error = await sending;
      if (error) throw error;
    } finally {
      clearTimeout(timer);
      data.close();
      await sending;
    }
  }

  async #rename(from: string, to: string): Promise<void> {
    await this.#request(`RNFR ${from}`);
    try {
      await this.#request(`RNTO ${to}`);
    } catch (error) {
      if (!(error instanceof FTPError)) throw error;
      // The server doesn't replace an existing file.
      await this.remove(to);
      await this.#request(`RNFR ${from}`);
      await this.#request(`RNTO ${to}`);
    }
  }

  /** Once per directory and connection. If it fails, the upload's own error says why. */
  async #makeDirectory(directory: string): Promise<void> {
    const { root, makeDirectories, directoryMode } = this.#rules;
    if (!makeDirectories || this.#directories.has(directory)) return;
    for (const path of directoriesBelow(root, directory)) {
      if (this.#directories.has(path)) continue;
      const isMade = await this.#request(`MKD ${pathOf("", path)}`).then(() => true, ignoreRefusal);
      // The umask that locks files gives it mode 000 at first.
      if (isMade) await this.#request(`SITE CHMOD ${octal(directoryMode)} ${pathOf("", path)}`).catch(ignoreRefusal);
      this.#directories.add(path);
    }
  }

  #request(command: string) {
    this.#usedAtMs = performance.now();
    return this.#client.ftp.request(command);
  }

  #outcomeOf(error: Error, { directory, name }: Upload): PutOutcome {
    if (error instanceof SourceFault) return { kind: "unreadable", reason: error.message };
    if (!(error instanceof FTPError) || this.endReason !== undefined) {
      // Replies to the interrupted upload may still come on this connection, so it can't be reused.
      this.#endReason ??= error.message;
      this.#client.close();
      return { kind: "lost", reason: this.#endReason };
    }
    // A directory may have been removed.
    this.#directories.clear();
    const fault = faultOf(error);
    const where = directory === "" ? "the login directory" : directory;
    const scope = fault === "room" ? "server" : fault === "permission" || fault === "missing" ? "directory" : "file";
    return { kind: "refused", fault, scope, reason: `the server can't store ${name} in ${where}: ${error.message}` };
  }
}

/** Returns the error that stopped the transfer; undefined if all bytes were sent. Never rejects. */
async function sendAll(
  opened: Promise<Socket>,
  chunks: AsyncIterable<Buffer>,
  onProgress: () => void,
): Promise<Error | undefined> {
  try {
    const socket = await opened;
    if (socket.errored) throw socket.errored;
    const counted = async function* () {
      for await (const chunk of chunks) {
        onProgress();
        yield chunk;
      }
    };
    await pipeline(Readable.from(counted()), socket);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Servers use one code for many faults; their texts tell more. */
function faultOf({ code, message }: FTPError): ServerFault {
  if (reply.noRoom.some((each) => each === code) || /no space|disk full|quota|writing to local file/i.test(message)) {
    return "room";
  }
  if (/no such file|not found|doesn't exist/i.test(message)) return "missing";
  if (/denied|permission|not permitted|could not create file/i.test(message)) return "permission";
  if (/file name too long|filename|file name/i.test(message)) return "name";
  return "other";
}

/** Always contains a slash: a server would misread a name that starts with a blank or a dash. */
function pathOf(directory: string, name: string): string {
  return directory === "" && !name.startsWith("/") ? `./${name}` : remotePath(directory, name);
}

const octal = (mode: number): string => mode.toString(8).padStart(3, "0");

function ignoreUnavailable(error: unknown): void {
  if (!(error instanceof FTPError) || error.code !== reply.unavailable) throw error;
}

function ignoreRefusal(error: unknown): false {
  if (!(error instanceof FTPError)) throw error;
  return false;
}
