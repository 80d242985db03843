import { constants } from "node:fs";
import { access, mkdir, rm, stat, truncate } from "node:fs/promises";
import { fileFault, UserError } from "../lib/errors.ts";
import { type FolderLock, lockFolder } from "../lib/folder-lock.ts";
import type { Log } from "../lib/log.ts";
import { type JournalOptions, journalLimits } from "./journal-options.ts";
import { listSegments, type ReadSegment, readSegment, type Segment, segmentPath } from "./journal-segment.ts";

/** A folder that we have locked. */
export interface OpenFolder {
  readonly lock: FolderLock;
  /** Files that must be kept, oldest first. A new process starts a new file and never appends to these. */
  readonly segments: Segment[];
  /** Number of the next file. */
  readonly nextNumber: number;
}

const lockRemedy = "run one dispatcher per folder: stop the other one, or configure another folder for this one";

/** Locks the journal's folder and reads what is in it. Throws the errors of `Journal.open`. */
export async function openFolder(options: JournalOptions): Promise<OpenFolder> {
  try {
    await makeFolder(options.directory);
    const lock = await lockFolder(options.directory, lockRemedy);
    try {
      return { lock, ...(await readFolder(options)) };
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw fileFault(error) ?? error;
  }
}

/** The parent folder must exist: if it is missing, a disk may not be mounted, and the journal would be lost with it. */
async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o750 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      const remedy = "create that folder, or configure another one";
      throw new UserError(directory, "can't be created: its parent folder is missing", remedy, { cause });
    }
    // An existing folder will do if it is writable. Whatever else prevents its creation is reported by the next step too.
    if (code !== "EEXIST" && code !== "EROFS" && code !== "EACCES") throw cause;
  }
  if (!(await stat(directory)).isDirectory()) {
    throw new UserError(directory, "is a file, but the journal needs a folder", "configure another one");
  }
  await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
}

async function readFolder(options: JournalOptions): Promise<{ segments: Segment[]; nextNumber: number }> {
  const { directory, windowMs, log } = options;
  const nowMs = options.nowMs();
  const segments: Segment[] = [];
  let newestMs = Number.NEGATIVE_INFINITY;
  const { listed, highest } = await listSegments(directory);
  for (const { number, shiftMs } of listed) {
    const path = segmentPath(directory, number, shiftMs);
    const read = await readOrSkip(path, number, { ...options, nowMs, shiftMs });
    if (read.isForeign) {
      log.error({ path }, "file is named like a journal segment but is not one: ignored");
      continue;
    }
    if (read.records === 0) {
      await rm(path, { force: true });
      continue;
    }
    // Notes have no time: the arrivals they belong to are older.
    newestMs = Math.max(newestMs, read.newestMs);
    await cutTornEnd(path, read, log);
    segments.push({ number, directory, path, madeAtMs: nowMs, bytes: read.validBytes, newestMs, handle: undefined });
  }
  const over = segments.filter((segment) => segment.newestMs + windowMs <= nowMs);
  const spare = await keepSpare(over, options);
  // By this process's clock, which is steady, they are kept for one window.
  for (const segment of spare) segment.newestMs = nowMs;
  const counting = segments.filter((segment) => !over.includes(segment));
  return { segments: [...spare, ...counting], nextNumber: highest + 1 };
}

/** Picks, newest first and as far as there is room, the expired files to keep; removes the others. Oldest first. */
async function keepSpare(over: readonly Segment[], { limits }: JournalOptions): Promise<Segment[]> {
  const { spareBytesMax } = { ...journalLimits, ...limits };
  const spare: Segment[] = [];
  let bytes = 0;
  for (const segment of over.toReversed()) {
    bytes += segment.bytes;
    if (bytes <= spareBytesMax) spare.unshift(segment);
    else await rm(segment.path, { force: true });
  }
  return spare;
}

async function readOrSkip(
  path: string,
  number: number,
  options: Pick<JournalOptions, "windowMs" | "replay" | "log"> & { nowMs: number; shiftMs: number },
): Promise<ReadSegment> {
  try {
    return await readSegment(path, number, options);
  } catch (error) {
    const fault = error instanceof UserError ? error : fileFault(error);
    if (fault) throw fault;
    // Probably a bad block. A dispatcher that does not know everything sends some twins; one that does not start sends nothing.
    options.log.error({ err: error, path }, "a journal file can't be read: records that only it holds are lost");
    return { isForeign: false, records: 1, newestMs: options.nowMs, validBytes: 0, damagedBytes: 0, tornBytes: 0 };
  }
}

async function cutTornEnd(path: string, { validBytes, damagedBytes, tornBytes }: ReadSegment, log: Log): Promise<void> {
  if (damagedBytes > 0) {
    // The damaged bytes stay in the file for later inspection.
    log.error({ path, damagedBytes }, "a journal file is damaged: the damaged records are lost, the others are read");
  }
  if (tornBytes === 0) return;
  log.warn({ path, tornBytes }, "a journal file ends in a torn record, as after a kill or a power loss: truncated");
  // Only to report it once: the torn record would be skipped anyway.
  await truncate(path, validBytes).catch((error: Error) => log.warn({ err: error, path }, "can't be truncated"));
}
