import type { LineCodec } from "./file-lines.ts";
import { LineLog } from "./line-log.ts";
import type { Log } from "./log.ts";

/** Hex digits of the hash in a line; more would only make the file larger. */
const idDigits = 32;

/** Previous receivers wrote the line break before each line; both versions read both forms. */
const codec: LineCodec<string> = {
  format: (id) => id,
  parse: (line) => (line.length === idDigits ? line : undefined),
};

/**
 * Remembers which messages were placed in the receiver queue folder. If the process is killed between placing and acking, the broker
 * redelivers the message, and its file may already have left the folder. On disk but not synced: after a loss of power such a message
 * is placed again.
 */
export class PlacedLog {
  readonly #max: number;
  readonly #lines: LineLog<string>;
  /** Oldest first. */
  readonly #ids = new Set<string>();

  /** `max`: how many of the latest messages are remembered; 0: none, and there is no file. */
  constructor(file: string, max: number, log: Log) {
    this.#max = max;
    this.#lines = new LineLog({ file, mode: 0o644, codec, log });
  }

  get size(): number {
    return this.#ids.size;
  }

  /** Reads the file of an earlier process. @throws as `LineLog.open` */
  async load(): Promise<void> {
    if (this.#max > 0) await this.#lines.open((id) => this.#remember(id));
  }

  has(hash: string): boolean {
    return this.#ids.has(hash.slice(0, idDigits));
  }

  /** The operating system has the line when this returns. @throws UserError for a disk error; this process remembers it anyway */
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
