import { constants } from "node:fs";
import { access, mkdir, rm, stat, truncate } from "node:fs/promises";
import { fileFault, UserError } from "../lib/errors.ts";
import { type FolderLock, lockFolder } from "../lib/folder-lock.ts";
import type { Log } from "../lib/log.ts";
import { type JournalOptions, journalLimits } from "./journal-options.ts";
import { listSegments, type ReadSegment, readSegment, type Segment, segmentPath } from "./journal-segment.ts";

/** A folder that is ours. */
export interface OpenFolder {
  readonly lock: FolderLock;
  /** Files that must be kept, oldest first. Nothing is ever appended to one of them: a new process begins a new one. */
  readonly segments: Segment[];
  /** Of the next file. */
  readonly nextNumber: number;
}

const remedyOfTwo = "one dispatcher per folder: stop the other one, or give this one a folder of its own";

/** Locks the journal's folder and tells what is in it. Errors are those of `Journal.open`. */
export async function openFolder(options: JournalOptions): Promise<OpenFolder> {
  try {
    await makeFolder(options.directory);
    const lock = await lockFolder(options.directory, remedyOfTwo);
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

/** Its parent must be there: where that is missing, a disk may not be mounted, and the journal would be lost with it. */
async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o750 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      const remedy = "make that folder, or say another one in the config";
      throw new UserError(directory, "can't be made: the folder above it is missing", remedy, { cause });
    }
    // As a folder it will do, if it may be written to; any other reason that keeps it from being made is told by that too.
    if (code !== "EEXIST" && code !== "EROFS" && code !== "EACCES") throw cause;
  }
  if (!(await stat(directory)).isDirectory()) {
    throw new UserError(directory, "is a file where the journal's folder is expected", "say another one in the config");
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
    const read = await readOrPass(path, number, { ...options, nowMs, shiftMs });
    if (read.isForeign) {
      log.error({ path }, "a file has the name of a journal file and nothing of one in it: left alone");
      continue;
    }
    if (read.records === 0) {
      await rm(path, { force: true });
      continue;
    }
    // Notes tell no time: they belong to arrivals before them, at the latest.
    newestMs = Math.max(newestMs, read.newestMs);
    await cutTornEnd(path, read, log);
    segments.push({ number, directory, path, madeAtMs: nowMs, bytes: read.validBytes, newestMs, handle: undefined });
  }
  const over = segments.filter((segment) => segment.newestMs + windowMs <= nowMs);
  const spare = await spareOf(over, options);
  // By this process's clock, which is steady, they stay a window.
  for (const segment of spare) segment.newestMs = nowMs;
  const counting = segments.filter((segment) => !over.includes(segment));
  return { segments: [...spare, ...counting], nextNumber: highest + 1 };
}

/** Those that are kept though their window is over, as far as there is room, the newest first; the others are removed. Oldest first. */
async function spareOf(over: readonly Segment[], { limits }: JournalOptions): Promise<Segment[]> {
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

async function readOrPass(
  path: string,
  number: number,
  options: Pick<JournalOptions, "windowMs" | "replay" | "log"> & { nowMs: number; shiftMs: number },
): Promise<ReadSegment> {
  try {
    return await readSegment(path, number, options);
  } catch (error) {
    const fault = error instanceof UserError ? error : fileFault(error);
    if (fault) throw fault;
    // A bad block, most likely. A dispatcher that doesn't know all sends some twins, one that doesn't start sends nothing.
    options.log.error({ err: error, path }, "a file of the journal can't be read: what only it holds is not known");
    return { isForeign: false, records: 1, newestMs: options.nowMs, validBytes: 0, damagedBytes: 0, tornBytes: 0 };
  }
}

async function cutTornEnd(path: string, { validBytes, damagedBytes, tornBytes }: ReadSegment, log: Log): Promise<void> {
  if (damagedBytes > 0) {
    // Left in the file, for whoever wants to know what it was.
    log.error(
      { path, damagedBytes },
      "a file of the journal is damaged: what it held there is lost, the rest is known",
    );
  }
  if (tornBytes === 0) return;
  log.warn(
    { path, tornBytes },
    "a file of the journal ends in a torn record, as after a kill or a power loss: cut off",
  );
  // Only so that it is told once: it would be passed over again.
  await truncate(path, validBytes).catch((error: Error) => log.warn({ err: error, path }, "can't be cut off"));
}
