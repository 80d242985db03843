import { jsonLines, readLineLog } from "./file-lines.ts";
import type { ExportEntry } from "./journal-export.ts";
import { LineLog } from "./line-log.ts";
import type { Log } from "./log.ts";

/** What identifies an announced file: if a file is rewritten or replaced under its name, one of these differs. */
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
/** More would make one long write, while everything else waits. */
const linesAtOnceMax = 1000;

const codec = jsonLines((json) => (isLine(json) ? json : undefined));

interface TreeJournalOptions {
  readonly file: string;
  /** May be infinite. */
  readonly keepSeconds: number;
  readonly now: () => number;
  readonly log: Log;
}

/**
 * The announced files, for as long as a rescan could find them: in memory, and in a log of JSON lines that survives kill -9. A
 * line is written after the announcement is durable in the spool, and not synced: if it is lost, its file is announced once more.
 */
export class TreeJournal {
  readonly #keepMs: number;
  readonly #now: () => number;
  readonly #log: Log;
  readonly #lines: LineLog<Line>;
  // Insertion order is order of announcement, so expired entries are always at the front.
  readonly #entries = new Map<string, Entry>();
  #pending: Line[] = [];

  constructor({ file, keepSeconds, now, log }: TreeJournalOptions) {
    this.#keepMs = keepSeconds * 1000;
    this.#now = now;
    this.#log = log;
    this.#lines = new LineLog({ file, mode: 0o600, codec, log });
  }

  async open(): Promise<void> {
    await this.#lines.open(([path, inode, size, modifiedMs, announcedAtMs]) =>
      this.#remember(path, { inode, size, modifiedMs, announcedAtMs }),
    );
    await this.#lines.rewrite(this.#kept());
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

  /** All remembered paths, in the order of announcement. */
  paths(): IterableIterator<string> {
    return this.#entries.keys();
  }

  get(path: string): Identity | undefined {
    return this.#entries.get(path);
  }

  /** Forgets a file that is gone. In the journal's file it stays until the next rewrite, which is harmless. */
  remove(path: string): void {
    this.#entries.delete(path);
  }

  /** Remembers at once and writes soon: one write per file would take as long as checking the file. */
  add(path: string, { inode, size, modifiedMs }: Identity): void {
    const announcedAtMs = this.#now();
    this.#remember(path, { inode, size, modifiedMs, announcedAtMs });
    if (this.#pending.push([path, inode, size, modifiedMs, announcedAtMs]) === linesAtOnceMax) this.write();
    else if (this.#pending.length === 1) setImmediate(() => this.write());
  }

  /** The system has everything added when this returns, so a kill loses nothing. What can't be written is known until the process exits. */
  write(): void {
    if (this.#pending.length === 0) return;
    try {
      this.#lines.append(...this.#pending);
    } catch (error) {
      this.#log.error({ err: error }, "journal can't be written: files would be announced again after a restart");
    }
    this.#pending = [];
    const { lines } = this.#lines;
    if (lines > linesBeforeCompaction && lines > 2 * this.#entries.size) void this.#lines.rewrite(this.#kept());
  }

  async close(): Promise<void> {
    this.write();
    await this.#lines.close();
  }

  #remember(path: string, entry: Entry): void {
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    const nowMs = this.#now();
    for (const [oldest, { announcedAtMs }] of this.#entries) {
      // If a clock was ahead by more than that, they would stay at the front and block all others behind them.
      if (Math.abs(nowMs - announcedAtMs) <= this.#keepMs) break;
      this.#entries.delete(oldest);
    }
  }

  *#kept(): Generator<Line> {
    for (const [path, { inode, size, modifiedMs, announcedAtMs }] of this.#entries) {
      yield [path, inode, size, modifiedMs, announcedAtMs];
    }
  }
}

/** The journal's entries for `--export`, also while it is written; a file announced several times has several entries. */
export async function* exportTreeJournal(file: string): AsyncGenerator<Extract<ExportEntry, { event: "announced" }>> {
  for await (const [path, , sizeBytes, modifiedMs, timeMs] of readLineLog(file, codec)) {
    yield { event: "announced", timeMs, path, sizeBytes, modifiedMs };
  }
}

function isLine(json: unknown): json is Line {
  if (!Array.isArray(json) || json.length !== 5) return false;
  return json.map((item) => typeof item).join() === "string,string,number,number,number";
}
