import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { openNew, syncFolder } from "./atomic-file.ts";
import { unwritable } from "./errors.ts";
import { closeFiles, entriesOf, type LineCodec, linesOf, olderOf, openFiles } from "./file-lines.ts";
import type { Log } from "./log.ts";

/** Characters of a torn line that are logged. */
const shownMax = 80;

export interface LineLogOptions<T> {
  readonly file: string;
  /** Of a new file, before the umask. */
  readonly mode: number;
  readonly codec: LineCodec<T>;
  readonly log: Log;
  /** The first entry of each new file. */
  readonly head?: T;
}

/**
 * A file of lines that one process appends to. The system has a line when `append` returns, so a kill loses none. A kill or a full disk at any byte
 * leaves at most one torn line, which is cut off before the next. After a power loss, lines that `synced` had not confirmed may be missing. A grown
 * file is rotated (FILE becomes FILE.1) or rewritten; its owner decides when, by `lines` and `bytes`.
 *
 * The dispatcher's journal and the spools are not such logs (`frames.ts`): there damage in the middle must be recognized, so each record has a CRC.
 */
export class LineLog<T> {
  readonly #options: LineLogOptions<T>;
  #descriptor: number | undefined;
  #lines = 0;
  /** Up to the end of the last line that is not torn. */
  #bytes = 0;
  /** `torn`: what follows is cut off before the next line. `unended`: the last line is complete except for its line break. */
  #ending: "complete" | "torn" | "unended" = "complete";
  /** The file's name may not be on disk. */
  #isNew = false;
  /** Disk operations, one after the other; never rejects. */
  #disk: Promise<void> = Promise.resolve();
  #nextSync: Promise<void> | undefined;
  /** Lines appended during a rewrite. */
  #meanwhile: string[] | undefined;

  constructor(options: LineLogOptions<T>) {
    this.#options = options;
  }

  /** Lines of FILE, including its head and damaged lines. After a failed rewrite: those that it had to write, and what was appended since. */
  get lines(): number {
    return this.#lines;
  }

  /** Of FILE. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Passes on the entries of FILE.1 and FILE, oldest first. A damaged line costs only itself. Writes nothing, so that a full disk
   * keeps no agent from starting: a torn last line is logged here, and cut off before the next line is written.
   *
   * @throws as `readLineLog`
   */
  async open(onEntry: (entry: T) => void): Promise<void> {
    const { file, codec, log } = this.#options;
    this.#begin();
    const files = await openFiles(file);
    try {
      for await (const entry of entriesOf(olderOf(file), files.older, codec)) onEntry(entry);
      for await (const { text, endsAt, readBytes } of linesOf(file, files.newer)) {
        const entry = codec.parse(text);
        if (entry !== undefined) onEntry(entry);
        if (endsAt === undefined && entry === undefined) {
          this.#ending = "torn";
          const about = { path: file, cutBytes: readBytes - this.#bytes, cut: text.slice(0, shownMax) };
          log.warn(about, "log ends in a torn line, as after a kill or a power loss: removed before the next line");
        } else {
          if (endsAt === undefined) this.#ending = "unended";
          this.#lines += 1;
          this.#bytes = endsAt ?? readBytes;
        }
      }
    } finally {
      await closeFiles(files);
    }
  }

  /**
   * The system has the entries when this returns. Synchronous: switching threads takes longer, behind the syncs of other files.
   *
   * @throws UserError with the disk's error; then the log has some of the first entries, or none
   */
  append(...entries: readonly T[]): void {
    const { codec, head } = this.#options;
    const all = this.#bytes === 0 && head !== undefined ? [head, ...entries] : entries;
    const text = textOf(all, codec);
    this.#try(() => {
      this.#descriptor ??= this.#openToAppend();
      if (this.#ending === "torn") ftruncateSync(this.#descriptor, this.#bytes);
      if (this.#ending === "unended") this.#bytes += writeAll(this.#descriptor, "\n");
      this.#ending = "torn";
      this.#bytes += writeAll(this.#descriptor, text);
    });
    this.#ending = "complete";
    this.#lines += all.length;
    this.#meanwhile?.push(text);
  }

  /** Resolves once everything appended before is on disk; one sync serves all waiting callers. Rejects with a UserError. */
  synced(): Promise<void> {
    if (this.#nextSync) return this.#nextSync;
    const syncing = this.#disk.then(async () => {
      this.#nextSync = undefined;
      try {
        if (this.#descriptor !== undefined) await promisify(fdatasync)(this.#descriptor);
        if (this.#isNew) await syncFolder(dirname(this.#options.file));
        this.#isNew = false;
      } catch (error) {
        throw unwritable(this.#options.file, error);
      }
    });
    this.#nextSync = syncing;
    this.#disk = syncing.catch(() => {});
    return syncing;
  }

  /** Rotates: FILE becomes FILE.1 and replaces the previous one; the next line starts a new FILE. @throws UserError; then nothing has changed */
  rotate(): void {
    const { file } = this.#options;
    this.#try(() => {
      // A caller that waits for a sync may have a line in this file.
      if (this.#nextSync && this.#descriptor !== undefined) fdatasyncSync(this.#descriptor);
      renameSync(file, olderOf(file));
    });
    this.#begin();
  }

  /** Removes FILE; the next line starts a new one. FILE.1 stays. */
  startAgain(): void {
    rmSync(this.#options.file, { force: true });
    this.#begin();
  }

  /** Removes both files. */
  forget(): void {
    this.startAgain();
    rmSync(olderOf(this.#options.file), { force: true });
  }

  /**
   * Replaces FILE, on disk and in one step, by these entries and what is appended meanwhile. Resolves when that is done, or when the disk has
   * refused it: then FILE is unchanged, and that is logged. Does nothing during another rewrite. Not for a log that is rotated.
   */
  rewrite(entries: Iterable<T>): Promise<void> {
    if (this.#meanwhile) return this.#disk;
    const { codec, file, log } = this.#options;
    const all = [...entries];
    const text = textOf(all, codec);
    const meanwhile: string[] = [];
    this.#meanwhile = meanwhile;
    this.#lines = all.length;
    this.#disk = this.#disk
      .then(() => this.#replace(text, meanwhile))
      .catch((error) => log.warn({ err: unwritable(file, error) }, "log can't be rewritten: it grows until it can be"))
      .finally(() => {
        this.#meanwhile = undefined;
      });
    return this.#disk;
  }

  /** Later appends would open it again. */
  async close(): Promise<void> {
    await this.#disk;
    this.#closeFile();
    await this.#disk;
  }

  async #replace(text: string, meanwhile: string[]): Promise<void> {
    const { file, mode } = this.#options;
    const temporary = `${file}.new`;
    const handle = await openNew(temporary, mode);
    try {
      // Lines appended meanwhile and synced in the old file are written here; later callers of `synced` wait for the end of this.
      await handle.writeFile(text + meanwhile.splice(0).join(""));
      await handle.datasync();
      // In one event loop turn, so that no line is appended only to the old file.
      writeAll(handle.fd, meanwhile.join(""));
      renameSync(temporary, file);
      this.#closeFile();
      this.#bytes = fstatSync(handle.fd).size;
      this.#ending = "complete";
      this.#descriptor = this.#openToAppend();
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    } finally {
      await handle.close();
    }
    await syncFolder(dirname(file));
  }

  #begin(): void {
    this.#closeFile();
    this.#lines = 0;
    this.#bytes = 0;
    this.#ending = "complete";
  }

  #openToAppend(): number {
    this.#isNew ||= this.#bytes === 0;
    return openSync(this.#options.file, "a", this.#options.mode);
  }

  /** Once its pending disk operations are done. */
  #closeFile(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) this.#disk = this.#disk.then(() => closeSync(descriptor));
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw unwritable(this.#options.file, error);
    }
  }
}

const textOf = <T>(entries: readonly T[], { format }: LineCodec<T>): string =>
  entries.map((entry) => `${format(entry)}\n`).join("");

/** @returns bytes */
function writeAll(descriptor: number, text: string): number {
  const data = Buffer.from(text);
  for (let at = 0; at < data.length; ) at += writeSync(descriptor, data, at);
  return data.length;
}
