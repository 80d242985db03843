import { closeSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { writeWholeNow } from "../lib/whole-file.ts";

/** Hex digits of a hash that a line has; more would only make the file larger. */
const idDigits = 32;

/**
 * Which messages are in the receiver queue folder, or were: what a killed process had placed and not acked is given out again, and its
 * file may have been taken from the folder by then. On disk but not synced: after a loss of power such a message is placed once more.
 */
export class PlacedLog {
  readonly #file: string;
  readonly #max: number;
  /** Oldest first. */
  readonly #ids = new Set<string>();
  #fd: number | undefined;
  #linesInFile = 0;

  /** `max`: how many are known, the latest ones; 0: none, and there is no file. */
  constructor(file: string, max: number) {
    this.#file = file;
    this.#max = max;
  }

  get size(): number {
    return this.#ids.size;
  }

  /** Reads what an earlier process left. Nothing is written, so that a full disk keeps no one from starting. */
  async load(): Promise<void> {
    if (this.#max === 0) return;
    const text = await readFile(this.#file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      return "";
    });
    const lines = text.split("\n");
    this.#linesInFile = lines.length - 1;
    // A line that a kill or a full disk cut short is none.
    for (const line of lines) if (line.length === idDigits) this.#remember(line);
  }

  has(hash: string): boolean {
    return this.#ids.has(hash.slice(0, idDigits));
  }

  /**
   * The kernel has it when this returns. At once, since what works beside waits behind the syncs of many files. Throws what the disk says;
   * known in this process it is all the same.
   */
  add(hash: string): void {
    if (this.#max === 0) return;
    const id = hash.slice(0, idDigits);
    this.#remember(id);
    this.#linesInFile += 1;
    if (this.#linesInFile > 2 * this.#max) {
      this.#rewrite();
      return;
    }
    this.#fd ??= openSync(this.#file, "a");
    writeSync(this.#fd, textOf([id]));
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #remember(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#max) return;
    const [oldest] = this.#ids;
    if (oldest !== undefined) this.#ids.delete(oldest);
  }

  #rewrite(): void {
    const ids = [...this.#ids];
    writeWholeNow(this.#file, textOf(ids), { mode: 0o644 });
    this.#linesInFile = ids.length;
    this.close();
  }
}

/** Each line begins with its line break: what was cut short before spoils none but itself. */
function textOf(ids: readonly string[]): string {
  return ids.map((id) => `\n${id}`).join("");
}
