import { constants } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { syncFolder } from "../lib/atomic-file.ts";
import type { Log } from "../lib/log.ts";
import type { Part } from "./journal-buffer.ts";
import { readTwin, recordLength } from "./journal-record.ts";
import { type Segment, segmentPath } from "./journal-segment.ts";

/** More than an announcement needs: most twins take one read. */
const firstReadBytes = 4096;
/** Smaller clock errors are not corrected. */
const shiftMinMs = 1000;

/** A twin, as passed to `Journal.twin`. */
export interface KeptTwin {
  readonly routingKey: string;
  readonly body: Buffer;
}

/**
 * Writes a segment's parts to disk, each to its place in the file. The next attempt overwrites what a failed one left, through a
 * new descriptor: after a failed fdatasync, the old descriptor might not report the error again.
 */
export async function writeParts(segment: Segment, parts: readonly Part[]): Promise<void> {
  try {
    segment.handle ??= await openForWriting(segment);
    for (const part of parts) await writePart(segment.handle, part);
    await segment.handle.datasync();
  } catch (error) {
    await closeSegment(segment);
    throw error;
  }
}

export async function closeSegment(segment: Segment): Promise<void> {
  const { handle } = segment;
  segment.handle = undefined;
  await handle?.close().catch(() => {});
}

/**
 * Makes the next process read all times in these files as this much later, in whole milliseconds. Shifts below a second are
 * ignored.
 */
export async function shiftSegments(segments: readonly Segment[], shiftMs: number, log: Log): Promise<void> {
  if (Math.abs(shiftMs) < shiftMinMs) return;
  for (const { path, directory, number } of segments) {
    try {
      await rename(path, segmentPath(directory, number, shiftMs));
    } catch (error) {
      // The file's times stay wrong: some names are forgotten too early or too late.
      log.error({ err: error, path, shiftMs }, "the clock was set: times in a journal file can't be corrected");
    }
  }
}

async function openForWriting(segment: Segment): Promise<FileHandle> {
  const handle = await open(segment.path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    await syncFolder(segment.directory);
    return handle;
  } catch (error) {
    await handle.close().catch(() => {});
    throw error;
  }
}

/** A write may be short, for example when the disk fills up. */
async function writePart(handle: FileHandle, part: Part): Promise<void> {
  for (let done = 0; done < part.bytes; ) {
    const { bytesWritten } = await handle.write(part.memory, part.from + done, part.bytes - done, part.position + done);
    done += bytesWritten;
  }
}

/** The twin at an offset of a file; undefined if the file is gone or has no twin there. */
export async function readTwinFile(path: string, offset: number): Promise<KeptTwin | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const first = await readAt(handle, offset, firstReadBytes);
    const bytes = recordLength(first);
    return readTwin(bytes <= first.length ? first : await readAt(handle, offset, bytes), 0);
  } finally {
    await handle.close();
  }
}

async function readAt(handle: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const data = Buffer.alloc(bytes);
  const { bytesRead } = await handle.read(data, 0, bytes, offset);
  return data.subarray(0, bytesRead);
}
