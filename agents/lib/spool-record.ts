import { type FoundFrames, frameHeadBytes, frameType, readFrames, sealFrame } from "./frames.ts";

/** A record of the spool's journal: an accepted message, or the note that one is done. */
export type SpoolRecord =
  | { readonly type: "put"; readonly sequence: number; readonly appendedAtMs: number; readonly payload: Buffer }
  | { readonly type: "done"; readonly sequence: number };

/** Type, sequence (6 bytes), time (6 bytes). */
const fixedBytes = 13;
/** An announcement is far smaller. A length beyond this is garbage. */
export const payloadBytesMax = 1024 * 1024;
const typePut = 1;
const typeDone = 2;

export function encodeRecord(record: SpoolRecord): Buffer {
  const payload = record.type === "put" ? record.payload : Buffer.alloc(0);
  if (payload.length > payloadBytesMax) throw new RangeError(`a spooled message has at most ${payloadBytesMax} bytes`);
  const buffer = Buffer.alloc(frameHeadBytes + fixedBytes + payload.length);
  buffer.writeUInt8(record.type === "put" ? typePut : typeDone, frameHeadBytes);
  buffer.writeUIntBE(record.sequence, frameHeadBytes + 1, 6);
  buffer.writeUIntBE(record.type === "put" ? record.appendedAtMs : 0, frameHeadBytes + 7, 6);
  payload.copy(buffer, frameHeadBytes + fixedBytes);
  sealFrame(buffer, 0, buffer.length);
  return buffer;
}

/** The readable part of a file of records. */
export interface DecodedRecords extends Pick<FoundFrames, "validBytes" | "damagedBytes"> {
  readonly records: SpoolRecord[];
}

/** All complete records. After a damaged one the next is searched byte by byte, so that intact records are not lost with it. */
export function decodeRecords(data: Buffer): DecodedRecords {
  const records: SpoolRecord[] = [];
  const { validBytes, damagedBytes } = readFrames(data, 0, couldBe, (at, end) =>
    records.push(readRecord(data, at, end)),
  );
  return { records, validBytes, damagedBytes };
}

function couldBe(type: number, bytes: number): boolean {
  const isSized = bytes >= frameHeadBytes + fixedBytes && bytes <= frameHeadBytes + fixedBytes + payloadBytesMax;
  return isSized && (type === typePut || type === typeDone);
}

function readRecord(data: Buffer, at: number, end: number): SpoolRecord {
  const content = data.subarray(at + frameHeadBytes, end);
  const sequence = content.readUIntBE(1, 6);
  if (frameType(data, at) === typeDone) return { type: "done", sequence };
  const payload = Buffer.from(content.subarray(fixedBytes));
  return { type: "put", sequence, appendedAtMs: content.readUIntBE(7, 6), payload };
}
