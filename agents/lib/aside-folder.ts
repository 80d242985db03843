import { mkdir, open, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "./atomic-file.ts";
import { UserError } from "./errors.ts";

/** The note stored beside a file that was set aside. */
export interface AsideNote {
  /** Its original name, with replacement characters if that is not valid UTF-8. */
  readonly name: string;
  readonly reason: string;
  readonly [detail: string]: unknown;
}

/**
 * A folder for files that can't be processed, for a person to inspect. `ID.file` is the file; `ID.json` has its name, its origin,
 * when it was moved here and why. Nothing is ever removed from it.
 */
export class AsideFolder {
  readonly directory: string;
  #sequence = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * Creates the folder. It has to be on the same file system as `beside`, so that a file can be moved here in one step.
   * @throws UserError if it can't be created or written
   */
  async prepare(beside: string): Promise<void> {
    const fault = (message: string, cause?: unknown) =>
      new UserError(
        "asideDirectory",
        message,
        `make ${this.directory} a folder owned by this user, on the file system of ${beside}`,
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
      // A full disk is waited for, as in operation.
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
      throw fault(`${this.directory} can't be used: ${(error as Error).message}`, error);
    }
    const [own, other] = await Promise.all([stat(this.directory), stat(beside)]);
    if (own.dev !== other.dev) throw fault(`${this.directory} is on another file system than ${beside}`);
  }

  /** Moves a file here. Rejects with the system's error; then the file is where it was. */
  async move(path: string | Buffer, note: AsideNote): Promise<void> {
    const id = this.#nextId();
    const notePath = join(this.directory, `${id}.json`);
    try {
      await writeFile(notePath, this.#text(note), { flag: "wx" });
      await rename(path, join(this.directory, `${id}.file`));
    } catch (error) {
      await unlink(notePath).catch(() => {});
      throw error;
    }
  }

  /** Stores content that is not a file yet; resolves once it is on disk. Rejects with the system's error; then nothing is stored. */
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

  /** Sorts by time. With one agent per folder, the process id and a counter make it unique. */
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
