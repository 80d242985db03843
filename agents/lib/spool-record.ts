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

/** All records up to the first that is cut short or damaged; `validBytes` is where that one begins. */
export function decodeRecords(data: Buffer): { records: SpoolRecord[]; validBytes: number } {
  const records: SpoolRecord[] = [];
  let offset = 0;
  while (data.length - offset >= headBytes + fixedBytes) {
    const length = data.readUInt32BE(offset);
    const end = offset + headBytes + length;
    if (length < fixedBytes || length > fixedBytes + payloadBytesMax || end > data.length) break;
    const content = data.subarray(offset + headBytes, end);
    if (crc32(content) !== data.readUInt32BE(offset + 4)) break;
    const type = content.readUInt8(0);
    const sequence = content.readUIntBE(1, 6);
    if (type === typePut) {
      const payload = Buffer.from(content.subarray(fixedBytes));
      records.push({ type: "put", sequence, appendedAtMs: content.readUIntBE(7, 6), payload });
    } else if (type === typeDone) {
      records.push({ type: "done", sequence });
    } else {
      break;
    }
    offset = end;
  }
  return { records, validBytes: offset };
}
