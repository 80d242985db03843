import { mkdir, open, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "./atomic-file.ts";
import { UserError } from "./errors.ts";

/** What is told beside a file that was put aside. */
export interface AsideNote {
  /** As it was called, with replacement characters where that is no text. */
  readonly name: string;
  readonly reason: string;
  readonly [detail: string]: unknown;
}

/**
 * Where files go that nobody can deal with, for a person to look at: `ID.file` is the file, `ID.json` says what it was called, where it
 * was, when it came here and why. Nothing is ever removed from it.
 */
export class AsideFolder {
  readonly directory: string;
  #sequence = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * Makes the folder. It has to be on the disk of `beside`, so that a file gets here in one step.
   * @throws UserError where it can't be, or can't be written
   */
  async prepare(beside: string): Promise<void> {
    const fault = (message: string, cause?: unknown) =>
      new UserError(
        "asideDirectory",
        message,
        `make ${this.directory} a folder of this user on the disk of ${beside}`,
        {
          cause,
        },
      );
    try {
      await mkdir(this.directory, { recursive: true });
      const probe = join(this.directory, `${this.#nextId()}.probe`);
      await writeFile(probe, "");
      await unlink(probe);
    } catch (error) {
      // A full disk is waited for, like later on.
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
      throw fault(`${this.directory} can't be used: ${(error as Error).message}`, error);
    }
    const [own, other] = await Promise.all([stat(this.directory), stat(beside)]);
    if (own.dev !== other.dev) throw fault(`${this.directory} is on another file system than ${beside}`);
  }

  /** Moves a file here. Rejects with what the disk says; then it is where it was. */
  async move(path: string | Buffer, note: AsideNote): Promise<void> {
    const id = this.#nextId();
    const told = join(this.directory, `${id}.json`);
    try {
      await writeFile(told, this.#text(note), { flag: "wx" });
      await rename(path, join(this.directory, `${id}.file`));
    } catch (error) {
      await unlink(told).catch(() => {});
      throw error;
    }
  }

  /** Keeps what is no file yet; resolves when it is on disk. Rejects with what the disk says; then nothing is kept. */
  async keep(content: Uint8Array, note: AsideNote): Promise<void> {
    const id = this.#nextId();
    const paths = [join(this.directory, `${id}.json`), join(this.directory, `${id}.file`)] as const;
    try {
      await writeSynced(paths[0], Buffer.from(this.#text(note)));
      await writeSynced(paths[1], content);
      await syncFolder(this.directory);
    } catch (error) {
      for (const path of paths) await unlink(path).catch(() => {});
      throw error;
    }
  }

  #text(note: AsideNote): string {
    return `${JSON.stringify({ ...note, at: new Date().toISOString() }, null, 2)}\n`;
  }

  /** Sorts by time; one agent a folder, so that process and count make it the only one of its kind. */
  #nextId(): string {
    this.#sequence += 1;
    return `${new Date().toISOString().replace(/[-:]/g, "")}-${process.pid}-${this.#sequence}`;
  }
}

async function writeSynced(path: string, content: Uint8Array): Promise<void> {
  const handle = await open(path, "wx");
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
