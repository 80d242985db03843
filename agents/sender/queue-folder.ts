import { isUtf8 } from "node:buffer";
import { type Dirent, lstatSync, type Stats } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { isInWork, nameFault, priorityLast, priorityOf, stampOf } from "./px-name.ts";

/** One file in the txq. */
export interface QueuedFile {
  readonly path: string;
  readonly name: string;
  /** 0 (retransmissions) to 5; `priorityLast` if neither folder nor name has one. */
  readonly priority: number;
  /** `YYYYMMDDHHMMSS`, from the stamp in the name, else the time of writing. */
  readonly time: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Identifies this file with this content: another file may take its path. */
  readonly identity: string;
}

/** A file that can never be sent, or a folder that is not scanned. */
export interface UnfitFile {
  readonly path: string | Buffer;
  /** For people: with replacement characters if it is not valid UTF-8. */
  readonly name: string;
  readonly reason: string;
  /** As in `QueuedFile`; undefined for a folder. */
  readonly identity: string | undefined;
}

/** The result of a scan. */
export interface QueueScan {
  /** In sending order. */
  readonly files: readonly QueuedFile[];
  readonly unfit: readonly UnfitFile[];
  /** Milliseconds until the next recently written file may be sent; undefined if there is none. */
  readonly settlingMs: number | undefined;
  /** All scanned folders. */
  readonly folders: readonly string[];
  /** Errors, with their paths, for folders that this user may not read. */
  readonly unreadable: readonly string[];
}

export interface QueueScanRules {
  readonly settleMs: number;
  readonly emptySettleMs: number;
  readonly fileBytesMax: number;
}

/** Files per scan, some 100 bytes each. A later scan finds the rest. */
const filesMax = 100_000;
/** Files checked before the event loop gets its turn. */
const filesPerTurn = 1000;
/** Priority, hour, and room for other layouts. */
const depthMax = 8;
/** Empty folders of past hours are removed after this time. Writers assume for two hours that a folder which they created exists. */
const emptyFolderMs = 24 * 3_600_000;

/**
 * Scans a txq: `PRIORITY/YYYYMMDDHH/FILE`, and other depths. Rejects if the folder itself can't be read. Files that vanish meanwhile are
 * skipped.
 */
export async function scanQueue(root: string, rules: QueueScanRules, nowMs: number): Promise<QueueScan> {
  const walk = new Walk(rules, nowMs);
  await walk.folder(root, 0, undefined);
  const byName = (a: QueuedFile, b: QueuedFile) => (a.name < b.name ? -1 : 1);
  walk.files.sort((a, b) => a.priority - b.priority || compare(a.time, b.time) || byName(a, b));
  return walk;
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

class Walk implements QueueScan {
  readonly files: QueuedFile[] = [];
  readonly unfit: UnfitFile[] = [];
  readonly folders: string[] = [];
  readonly unreadable: string[] = [];
  settlingMs: number | undefined;
  readonly #rules: QueueScanRules;
  readonly #nowMs: number;
  #checked = 0;

  constructor(rules: QueueScanRules, nowMs: number) {
    this.#rules = rules;
    this.#nowMs = nowMs;
  }

  async folder(path: string, depth: number, priority: number | undefined): Promise<void> {
    const entries = await this.#entries(path, depth);
    if (!entries) return;
    this.folders.push(path);
    for (const entry of entries) {
      if (this.files.length >= filesMax) return;
      const name = entry.name.toString();
      if (isInWork(name)) continue;
      if (!isUtf8(entry.name)) {
        const found = Buffer.concat([Buffer.from(`${path}/`), entry.name]);
        const reason = "its name is not valid UTF-8, so no message can contain it";
        this.unfit.push({ path: found, name, reason, identity: undefined });
      } else if (entry.isDirectory()) {
        if (depth >= depthMax) {
          const reason = `it is a folder more than ${depthMax} levels deep: its files are not sent`;
          this.unfit.push({ path: join(path, name), name, reason, identity: undefined });
          continue;
        }
        const own = depth === 0 && /^[0-5]$/.test(name) ? Number(name) : priority;
        await this.folder(join(path, name), depth + 1, own);
      } else {
        // A folder that this user may not read doesn't stop the scan of the others.
        if (!this.#file(path, name, priority)) break;
        this.#checked += 1;
        if (this.#checked % filesPerTurn === 0) await turn();
      }
    }
    await this.#removeEmpty(path, depth, entries.length);
  }

  /** Sorted by name: folders with low numbers (urgent) and early hours first. Undefined if the folder is gone. */
  async #entries(path: string, depth: number): Promise<Dirent<Buffer>[] | undefined> {
    try {
      const entries = await readdir(path, { withFileTypes: true, encoding: "buffer" });
      return entries.sort((a, b) => Buffer.compare(a.name, b.name));
    } catch (error) {
      if (depth === 0) throw error;
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.unreadable.push((error as Error).message);
      return undefined;
    }
  }

  /** Returns false if no file of the folder can be inspected. */
  #file(folder: string, name: string, priority: number | undefined): boolean {
    const path = join(folder, name);
    try {
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (stats) this.#judge(path, name, priority, stats);
      return true;
    } catch (error) {
      this.unreadable.push((error as Error).message);
      return false;
    }
  }

  #judge(path: string, name: string, priority: number | undefined, stats: Stats): void {
    const restMs = stats.size === 0 ? this.#rules.emptySettleMs : this.#rules.settleMs;
    // A time far in the future (the clock was set back) is ignored: the file is sent at once.
    const waitMs = restMs - Math.max(0, this.#nowMs - stats.mtimeMs);
    if (stats.isFile() && waitMs > 0 && stats.mtimeMs <= this.#nowMs + restMs) {
      this.settlingMs = Math.min(this.settlingMs ?? waitMs, waitMs);
      return;
    }
    const reason = this.#fault(name, stats);
    if (reason !== undefined) this.unfit.push({ path, name, reason, identity: identityOf(stats) });
    else this.files.push(queuedFile(path, name, priority, stats));
  }

  #fault(name: string, stats: Stats): string | undefined {
    if (!stats.isFile()) return "it is not a regular file";
    if (stats.size === 0) return "it is empty";
    const { fileBytesMax } = this.#rules;
    if (stats.size > fileBytesMax) return `it has ${stats.size} bytes, more than fileBytesMax, ${fileBytesMax}`;
    return nameFault(name);
  }

  async #removeEmpty(path: string, depth: number, entriesCount: number): Promise<void> {
    const hour = /\/(\d{4})(\d{2})(\d{2})(\d{2})$/.exec(path);
    if (entriesCount > 0 || depth < 1 || !hour) return;
    const [, year, month, day, hours] = hour.map(Number);
    const beganMs = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hours);
    // If it is no longer empty, or may not be removed, it stays.
    if (this.#nowMs - beganMs > emptyFolderMs) await rmdir(path).catch(() => {});
  }
}

/** The end of the year 9999. */
const writtenMsMax = Date.UTC(10_000, 0, 1) - 1;

function queuedFile(path: string, name: string, priority: number | undefined, stats: Stats): QueuedFile {
  // Some file systems have times outside years of four digits.
  const writtenMs = Math.min(Math.max(stats.mtimeMs, 0), writtenMsMax);
  const written = new Date(writtenMs).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  return {
    path,
    name,
    priority: priority ?? priorityOf(name) ?? priorityLast,
    time: stampOf(name) ?? written,
    sizeBytes: stats.size,
    modifiedMs: stats.mtimeMs,
    identity: identityOf(stats),
  };
}

/** Identifies a file and its content: it changes when either does. */
export function identityOf(stats: Pick<Stats, "dev" | "ino" | "size" | "mtimeMs">): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}`;
}
