import { lstat } from "node:fs/promises";
import { endOfFrame, frameType, nextFrame } from "../lib/frames.ts";
import type { ExportEntry, Selection } from "../lib/journal-export.ts";
import { journalLimits } from "./journal-options.ts";
import {
  couldBe,
  isCertain,
  keyOf,
  readSource,
  readTwin,
  recordType,
  sizeBytesOf,
  sourceNumberOf,
  timeOf,
} from "./journal-record.ts";
import { listSegments, otherSource, readSegmentFile, type SegmentFile, segmentPath } from "./journal-segment.ts";

/** Far more than a journal file has. */
const fileBytesMax = 4 * journalLimits.segmentBytesMax;

/**
 * The records of the journal's files, oldest first; nothing if there is no folder. One file is in memory at a time. With a key,
 * only the files that have it are read. Times are corrected as for the dispatcher itself.
 *
 * @throws UserError if a file is of another version; otherwise the system's error
 */
export async function* exportSegments(directory: string, { key, sinceMs }: Selection): AsyncGenerator<ExportEntry> {
  const wanted = key === undefined ? undefined : Buffer.from(key, "hex");
  const { listed } = await orGone(listSegments(directory), { listed: [] });
  for (const { number, shiftMs } of listed) {
    const path = segmentPath(directory, number, shiftMs);
    // The dispatcher removes a file once its window has passed.
    const about = await orGone(lstat(path), undefined);
    if (!about || about.size > fileBytesMax) continue;
    const file = await orGone(readSegmentFile(path), undefined);
    if (file && (!wanted || file.data.includes(wanted))) yield* entriesOf(file, shiftMs, sinceMs);
  }
}

function* entriesOf(
  { data, from }: SegmentFile,
  shiftMs: number,
  sinceMs = Number.NEGATIVE_INFINITY,
): Generator<ExportEntry> {
  /** By number within this file. */
  const sources: string[] = [];
  for (let at = nextFrame(data, from, couldBe), end = 0; at < data.length; at = nextFrame(data, end, couldBe)) {
    end = endOfFrame(data, at);
    const type = frameType(data, at);
    // Before the key is read: most records are older if only the latest are wanted.
    if (type === recordType.arrival && timeOf(data, at) + shiftMs < sinceMs) continue;
    switch (type) {
      case recordType.source: {
        const { number, name } = readSource(data, at, end);
        sources[number] = name;
        break;
      }
      case recordType.arrival: {
        const source = sources[sourceNumberOf(data, at)] ?? otherSource;
        const about = { timeMs: timeOf(data, at) + shiftMs, key: keyOf(data, at), source };
        yield { event: "sent", ...about, sizeBytes: sizeBytesOf(data, at), confirmed: isCertain(data, at) };
        break;
      }
      case recordType.certain:
        yield { event: "confirmed", key: keyOf(data, at) };
        break;
      case recordType.served:
        yield { event: "pulled", key: keyOf(data, at) };
        break;
      case recordType.twin: {
        const twin = readTwin(data, at);
        if (!twin) break;
        const about = { timeMs: timeOf(data, at) + shiftMs, key: keyOf(data, at), routingKey: twin.routingKey };
        yield { event: "twin", ...about, body: twin.body.toString("utf8") };
        break;
      }
    }
  }
}

function orGone<Value, Else>(reading: Promise<Value>, otherwise: Else): Promise<Value | Else> {
  return reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return otherwise;
    throw error;
  });
}
