import { readLines, writeLines } from "./line-file.ts";

/**
 * Which files are on their way, on disk: what a process that was killed had sent, and not removed yet, is sent again by the next one, and
 * is counted and marked. Not synced: after a loss of power it is only not counted.
 */
export class Underway {
  readonly #file: string;
  #before = new Set<string>();
  #isEmpty = true;

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads what an earlier process left. */
  async load(): Promise<void> {
    const lines = await readLines(this.#file);
    this.#before = new Set(lines);
    this.#isEmpty = lines.length === 0;
  }

  /** Whether an earlier process may have sent this file. */
  wasBefore(identity: string): boolean {
    return this.#before.has(identity);
  }

  /** These are on their way now, and no others. Rejects with what the disk says. */
  async now(identities: readonly string[]): Promise<void> {
    if (identities.length === 0 && this.#isEmpty) return;
    // What of the earlier process's files still waits stays in the file until it is sent.
    const kept = [...this.#before].filter((identity) => !identities.includes(identity));
    await writeLines(this.#file, [...kept, ...identities]);
    this.#isEmpty = identities.length + kept.length === 0;
  }

  /** A file is sent and removed, or will never be. */
  done(identity: string): void {
    this.#before.delete(identity);
  }
}
