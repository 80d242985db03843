import type { LineCodec } from "../lib/file-lines.ts";
import { LineLog } from "../lib/line-log.ts";
import type { Log } from "../lib/log.ts";

/** Hex digits of a hash that a line has; more would only make the file larger. */
const idDigits = 32;

/** Former receivers wrote the line break before each line; both read both. */
const codec: LineCodec<string> = {
  format: (id) => id,
  parse: (line) => (line.length === idDigits ? line : undefined),
};

/**
 * Which messages are in the receiver queue folder, or were: what a killed process had placed and not acked is given out again, and its
 * file may have been taken from the folder by then. On disk but not synced: after a loss of power such a message is placed once more.
 */
export class PlacedLog {
  readonly #max: number;
  readonly #lines: LineLog<string>;
  /** Oldest first. */
  readonly #ids = new Set<string>();

  /** `max`: how many are known, the latest ones; 0: none, and there is no file. */
  constructor(file: string, max: number, log: Log) {
    this.#max = max;
    this.#lines = new LineLog({ file, mode: 0o644, codec, log });
  }

  get size(): number {
    return this.#ids.size;
  }

  /** Reads what an earlier process left. @throws as `LineLog.open` */
  async load(): Promise<void> {
    if (this.#max > 0) await this.#lines.open((id) => this.#remember(id));
  }

  has(hash: string): boolean {
    return this.#ids.has(hash.slice(0, idDigits));
  }

  /** The system has it when this returns. @throws UserError with what the disk says; known in this process it is all the same */
  add(hash: string): void {
    if (this.#max === 0) return;
    const id = hash.slice(0, idDigits);
    this.#remember(id);
    this.#lines.append(id);
    if (this.#lines.lines > 2 * this.#max) void this.#lines.rewrite(this.#ids);
  }

  async close(): Promise<void> {
    await this.#lines.close();
  }

  #remember(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#max) return;
    const [oldest] = this.#ids;
    if (oldest !== undefined) this.#ids.delete(oldest);
  }
}
