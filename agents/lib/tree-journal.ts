import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { fileLines } from "./file-lines.ts";
import type { ExportEntry } from "./journal-export.ts";
import { writeWhole } from "./whole-file.ts";

/** What makes an announced file this one and no other: a file rewritten or replaced under its name differs in one. */
export interface Identity {
  readonly inode: string;
  readonly size: number;
  readonly modifiedMs: number;
}

interface Entry extends Identity {
  readonly announcedAtMs: number;
}

type Line = readonly [path: string, inode: string, size: number, modifiedMs: number, announcedAtMs: number];

// Below this many lines rewriting the journal would cost more than it saves.
const linesBeforeCompaction = 10_000;

/**
 * The announced files, for as long as a rescan could meet them: in memory, and in a file of JSON lines that survives
 * kill -9. A line is written after the announcement is durable in the spool, without waiting for the disk: where it is
 * lost, its file is announced once more. A torn last line is ignored.
 */
export class TreeJournal {
  readonly #file: string;
  readonly #keepMs: number;
  readonly #now: () => number;
  readonly #onFailure: (error: Error) => void;
  // Insertion order is order of announcement, so that what is too old is always in front.
  readonly #entries = new Map<string, Entry>();
  #handle: FileHandle | undefined;
  #lines = 0;
  #torn = false;
  #pending: string[] = [];
  #writing: Promise<void> = Promise.resolve();

  /**
   * `keepSeconds` may be infinite. `onFailure`: a write failed. What it would have kept is known until the end of the process, then
   * announced again.
   */
  constructor(options: { file: string; keepSeconds: number; now: () => number; onFailure: (error: Error) => void }) {
    this.#file = options.file;
    this.#onFailure = options.onFailure;
    this.#keepMs = options.keepSeconds * 1000;
    this.#now = options.now;
  }

  async open(): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true });
    for await (const [path, inode, size, modifiedMs, announcedAtMs] of treeJournalLines(this.#file)) {
      this.#remember(path, { inode, size, modifiedMs, announcedAtMs });
    }
    await this.#compact();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whether the file was announced as it is now. */
  has(path: string, identity: Identity): boolean {
    const entry = this.#entries.get(path);
    return (
      entry !== undefined &&
      entry.inode === identity.inode &&
      entry.size === identity.size &&
      entry.modifiedMs === identity.modifiedMs
    );
  }

  /** All paths that are remembered, what was announced first first. */
  paths(): IterableIterator<string> {
    return this.#entries.keys();
  }

  get(path: string): Identity | undefined {
    return this.#entries.get(path);
  }

  /** Forgets a file that is gone. In the journal's file it stays until that is next rewritten, which does no harm. */
  remove(path: string): void {
    this.#entries.delete(path);
  }

  /** Resolves when what was added so far was given to the system: a kill of this process loses none of it. */
  async written(): Promise<void> {
    await this.#writing;
  }

  /** Remembers at once, writes soon. */
  add(path: string, identity: Identity): void {
    const announcedAtMs = this.#now();
    const { inode, size, modifiedMs } = identity;
    this.#remember(path, { inode, size, modifiedMs, announcedAtMs });
    this.#pending.push(formatLine([path, inode, size, modifiedMs, announcedAtMs]));
    if (this.#pending.length === 1) this.#writing = this.#writing.then(() => this.#flush());
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  #remember(path: string, entry: Entry): void {
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    const nowMs = this.#now();
    for (const [oldest, { announcedAtMs }] of this.#entries) {
      // From a clock that was ahead by more than that, they would stay in front, and all others behind them.
      if (Math.abs(nowMs - announcedAtMs) <= this.#keepMs) break;
      this.#entries.delete(oldest);
    }
  }

  async #flush(): Promise<void> {
    const lines = this.#pending;
    this.#pending = [];
    try {
      // A write that failed half way may have left a torn line, which a newline closes off.
      await this.#handle?.appendFile((this.#torn ? "\n" : "") + lines.join(""));
      this.#torn = false;
      this.#lines += lines.length;
      if (this.#lines > linesBeforeCompaction && this.#lines > 2 * this.#entries.size) await this.#compact();
    } catch (error) {
      this.#torn = true;
      this.#onFailure(error as Error);
    }
  }

  /** Rewrites the file with what is still remembered: whole under its name or not at all. */
  async #compact(): Promise<void> {
    const lines: string[] = [];
    for (const [path, { inode, size, modifiedMs, announcedAtMs }] of this.#entries) {
      lines.push(formatLine([path, inode, size, modifiedMs, announcedAtMs]));
    }
    await writeWhole(this.#file, lines.join(""), { synced: "file" });
    await this.#handle?.close();
    this.#handle = await open(this.#file, "a");
    this.#lines = this.#entries.size;
    // What was added while the old file was copied is in the new one already, and harmless twice.
  }
}

/** What the journal tells for `--export`, also while it is written; a file that was announced again has several entries. */
export async function* exportTreeJournal(file: string): AsyncGenerator<Extract<ExportEntry, { event: "announced" }>> {
  for await (const [path, , sizeBytes, modifiedMs, timeMs] of treeJournalLines(file)) {
    yield { event: "announced", timeMs, path, sizeBytes, modifiedMs };
  }
}

async function* treeJournalLines(file: string): AsyncGenerator<Line> {
  for await (const text of fileLines(file)) {
    const line = parseLine(text);
    if (line) yield line;
  }
}

function formatLine(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}

function parseLine(text: string): Line | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length !== 5) return undefined;
  const kinds = value.map((item) => typeof item).join();
  return kinds === "string,string,number,number,number" ? (value as unknown as Line) : undefined;
}
