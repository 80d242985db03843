import { readLines, writeLines } from "./line-file.ts";

/**
 * Records on disk which files are in flight. If the process is killed between sending and removing a file, the next process sends it
 * again, and counts and marks it. Not synced: after a loss of power such repeats are not counted.
 */
export class Underway {
  readonly #file: string;
  #before = new Set<string>();
  #isEmpty = true;

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads the list of an earlier process. */
  async load(): Promise<void> {
    const lines = await readLines(this.#file);
    this.#before = new Set(lines);
    this.#isEmpty = lines.length === 0;
  }

  /** Whether an earlier process may have sent this file. */
  wasBefore(identity: string): boolean {
    return this.#before.has(identity);
  }

  /** Records exactly these files as in flight. Rejects with the disk's error. */
  async now(identities: readonly string[]): Promise<void> {
    if (identities.length === 0 && this.#isEmpty) return;
    // The earlier process's files stay in the list until they are sent.
    const kept = [...this.#before].filter((identity) => !identities.includes(identity));
    await writeLines(this.#file, [...kept, ...identities]);
    this.#isEmpty = identities.length + kept.length === 0;
  }

  /** The file is sent and removed, or will never be sent. */
  done(identity: string): void {
    this.#before.delete(identity);
  }
}
