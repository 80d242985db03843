import { constants } from "node:fs";
import { access, mkdir, rm, stat, truncate } from "node:fs/promises";
import { fileFault, UserError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { type FolderLock, lockFolder } from "./journal-lock.ts";
import type { JournalOptions } from "./journal-options.ts";
import { listSegments, type ReadSegment, readSegment, type Segment, segmentPath } from "./journal-segment.ts";

/** A folder that is ours. */
export interface OpenFolder {
  readonly lock: FolderLock;
  /** Files that must be kept, oldest first. Nothing is ever appended to one of them: a new process begins a new one. */
  readonly segments: Segment[];
  /** Of the next file. */
  readonly nextNumber: number;
}

/** Locks the journal's folder and tells what is in it. Errors are those of `Journal.open`. */
export async function openFolder(options: JournalOptions): Promise<OpenFolder> {
  try {
    await makeFolder(options.directory);
    const lock = await lockFolder(options.directory);
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
  const { numbers, highest } = await listSegments(directory);
  for (const number of numbers) {
    const path = segmentPath(directory, number);
    const read = await readOrPass(path, number, { ...options, nowMs });
    if (read.isForeign) {
      log.error({ path }, "a file has the name of a journal file and nothing of one in it: left alone");
      continue;
    }
    // Notes tell no time: they belong to arrivals before them, at the latest.
    newestMs = Math.max(newestMs, read.newestMs);
    if (read.records === 0 || newestMs + windowMs <= nowMs) {
      await rm(path, { force: true });
      continue;
    }
    await cutTornEnd(path, read, log);
    segments.push({ number, directory, path, madeAtMs: nowMs, bytes: read.validBytes, newestMs, handle: undefined });
  }
  return { segments, nextNumber: highest + 1 };
}

async function readOrPass(
  path: string,
  number: number,
  options: Pick<JournalOptions, "windowMs" | "replay" | "log"> & { nowMs: number },
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
