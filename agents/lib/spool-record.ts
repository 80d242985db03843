import { crc32 } from "node:zlib";

/** A record of the spool's journal: a message that was taken, or the note that one needs no keeping any more. */
export type SpoolRecord =
  | { readonly type: "put"; readonly sequence: number; readonly appendedAtMs: number; readonly payload: Buffer }
  | { readonly type: "done"; readonly sequence: number };

/** Length of what follows, its CRC-32. */
const headBytes = 8;
/** Type, sequence (6 bytes), time (6 bytes). */
const fixedBytes = 13;
/** An announcement is far smaller. A length beyond this is not a length but garbage. */
export const payloadBytesMax = 1024 * 1024;
const typePut = 1;
const typeDone = 2;

export function encodeRecord(record: SpoolRecord): Buffer {
  const payload = record.type === "put" ? record.payload : Buffer.alloc(0);
  if (payload.length > payloadBytesMax) throw new RangeError(`a spooled message has at most ${payloadBytesMax} bytes`);
  const buffer = Buffer.alloc(headBytes + fixedBytes + payload.length);
  buffer.writeUInt8(record.type === "put" ? typePut : typeDone, headBytes);
  buffer.writeUIntBE(record.sequence, headBytes + 1, 6);
  buffer.writeUIntBE(record.type === "put" ? record.appendedAtMs : 0, headBytes + 7, 6);
  payload.copy(buffer, headBytes + fixedBytes);
  buffer.writeUInt32BE(buffer.length - headBytes, 0);
  buffer.writeUInt32BE(crc32(buffer.subarray(headBytes)), 4);
  return buffer;
}

/** What can be read of a file of records. */
export interface DecodedRecords {
  readonly records: SpoolRecord[];
  /** Where the last whole record ends; what follows is torn or damaged. */
  readonly validBytes: number;
  /** Damaged bytes before that. */
  readonly damagedBytes: number;
}

/** All whole records. Behind a damaged one the next is looked for byte by byte: what was whole is not lost with it. */
export function decodeRecords(data: Buffer): DecodedRecords {
  const records: SpoolRecord[] = [];
  let validBytes = 0;
  let damagedBytes = 0;
  for (let offset = 0; data.length - offset >= headBytes + fixedBytes; ) {
    const found = decodeRecordAt(data, offset);
    if (!found) {
      offset += 1;
      continue;
    }
    damagedBytes += offset - validBytes;
    records.push(found.record);
    offset = found.end;
    validBytes = offset;
  }
  return { records, validBytes, damagedBytes };
}

function decodeRecordAt(data: Buffer, offset: number): { record: SpoolRecord; end: number } | undefined {
  const length = data.readUInt32BE(offset);
  const end = offset + headBytes + length;
  if (length < fixedBytes || length > fixedBytes + payloadBytesMax || end > data.length) return undefined;
  const content = data.subarray(offset + headBytes, end);
  const type = content.readUInt8(0);
  if (type !== typePut && type !== typeDone) return undefined;
  if (crc32(content) !== data.readUInt32BE(offset + 4)) return undefined;
  const sequence = content.readUIntBE(1, 6);
  if (type === typeDone) return { record: { type: "done", sequence }, end };
  const payload = Buffer.from(content.subarray(fixedBytes));
  return { record: { type: "put", sequence, appendedAtMs: content.readUIntBE(7, 6), payload }, end };
}
