import { crc32 } from "node:zlib";
import { endOfFrame, frameHeadBytes, frameType, isFrame, sealFrame } from "../lib/frames.ts";
import { keyWords } from "./product-key.ts";

/**
 * Each file begins with these bytes, the version and their CRC-32, so no later version is misread and no foreign file accepted.
 */
const magic = Buffer.from("warrenJN", "latin1");
export const journalVersion = 1;
export const headerBytes = magic.length + 8;

export const recordType = { arrival: 1, certain: 2, served: 3, twin: 4, source: 5 } as const;
/** A record with nothing but a key. */
export type NoteType = typeof recordType.certain | typeof recordType.served;
const keyedBytes = frameHeadBytes + 17;
/** Key, first arrival in milliseconds (8 bytes), size (4), number of its source, whether it is certain. */
export const arrivalBytes = keyedBytes + 14;
/** The key only. */
export const noteBytes = keyedBytes;
/** Key, when it was written (8 bytes), length of its routing key (1); the routing key and the announcement follow. */
const twinFixedBytes = keyedBytes + 9;
const sourceFixedBytes = frameHeadBytes + 2;
/** An announcement is far smaller. A length beyond this is garbage. */
export const recordBytesMax = 1024 * 1024;
/** AMQP's limit. */
export const routingKeyBytesMax = 255;
const sizeBytesMax = 2 ** 32 - 1;

export function makeHeader(version = journalVersion): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32BE(version, magic.length);
  header.writeUInt32BE(crc32(header.subarray(0, magic.length + 4)), magic.length + 4);
  return header;
}

/** The version in a journal file's header; undefined if the file is not a journal, or its header is torn or damaged. */
export function readVersion(data: Buffer): number | undefined {
  if (data.length < headerBytes || !data.subarray(0, magic.length).equals(magic)) return undefined;
  const crc = data.readUInt32BE(magic.length + 4);
  return crc32(data.subarray(0, magic.length + 4)) === crc ? data.readUInt32BE(magic.length) : undefined;
}

/** Each of these writes the key that `readKey` read last. */
export function writeArrival(
  to: Buffer,
  at: number,
  record: { atMs: number; sizeBytes: number; source: number; certain: boolean },
): void {
  writeKeyed(to, at, recordType.arrival);
  to.writeDoubleBE(record.atMs, at + keyedBytes);
  to.writeUInt32BE(Math.min(record.sizeBytes, sizeBytesMax), at + keyedBytes + 8);
  to[at + keyedBytes + 12] = record.source;
  to[at + keyedBytes + 13] = record.certain ? 1 : 0;
  sealFrame(to, at, arrivalBytes);
}

export function writeNote(to: Buffer, at: number, type: NoteType): void {
  writeKeyed(to, at, type);
  sealFrame(to, at, noteBytes);
}

export function twinBytes(routingKey: string, body: Buffer): number {
  return twinFixedBytes + Buffer.byteLength(routingKey) + body.length;
}

/** The routing key has at most `routingKeyBytesMax` bytes. */
export function writeTwin(
  to: Buffer,
  at: number,
  record: { writtenAtMs: number; routingKey: string; body: Buffer },
): void {
  writeKeyed(to, at, recordType.twin);
  to.writeDoubleBE(record.writtenAtMs, at + keyedBytes);
  const routingKeyBytes = to.write(record.routingKey, at + twinFixedBytes);
  to.writeUInt8(routingKeyBytes, at + keyedBytes + 8);
  record.body.copy(to, at + twinFixedBytes + routingKeyBytes);
  sealFrame(to, at, twinFixedBytes + routingKeyBytes + record.body.length);
}

export function sourceRecordBytes(name: string): number {
  return sourceFixedBytes + Buffer.byteLength(name);
}

export function writeSource(to: Buffer, at: number, number: number, name: string): void {
  to[at + frameHeadBytes] = recordType.source;
  to[at + frameHeadBytes + 1] = number;
  sealFrame(to, at, sourceFixedBytes + to.write(name, at + sourceFixedBytes));
}

/** Length of a complete record by its first `frameHeadBytes`; 0 if they can't be a record's. */
export function recordLength(data: Buffer): number {
  const length = data.length < frameHeadBytes ? 0 : endOfFrame(data, 0);
  return length > recordBytesMax ? 0 : length;
}

export function keyOf(data: Buffer, at: number): string {
  return data.toString("hex", at + frameHeadBytes + 1, at + keyedBytes);
}

/** The first arrival of an arrival record, or when a twin was written: both are at the same offset. */
export function timeOf(data: Buffer, at: number): number {
  return data.readDoubleBE(at + keyedBytes);
}

export function sizeBytesOf(data: Buffer, at: number): number {
  return data.readUInt32BE(at + keyedBytes + 8);
}

export function sourceNumberOf(data: Buffer, at: number): number {
  return data[at + keyedBytes + 12] ?? 0;
}

export function isCertain(data: Buffer, at: number): boolean {
  return data[at + keyedBytes + 13] === 1;
}

export function readSource(data: Buffer, at: number, end: number): { number: number; name: string } {
  return { number: data[at + frameHeadBytes + 1] ?? 0, name: data.toString("utf8", at + sourceFixedBytes, end) };
}

/** The twin that begins at `at`; undefined if there is none. */
export function readTwin(data: Buffer, at: number): { routingKey: string; body: Buffer } | undefined {
  if (!isFrame(data, at, couldBe) || frameType(data, at) !== recordType.twin) return undefined;
  const end = endOfFrame(data, at);
  const bodyAt = at + twinFixedBytes + data.readUInt8(at + keyedBytes + 8);
  if (bodyAt > end) return undefined;
  return {
    routingKey: data.toString("utf8", at + twinFixedBytes, bodyAt),
    body: Buffer.from(data.subarray(bodyAt, end)),
  };
}

function writeKeyed(to: Buffer, at: number, type: number): void {
  to[at + frameHeadBytes] = type;
  for (let word = 0; word < 4; word++) to.writeInt32BE(keyWords[word] ?? 0, at + frameHeadBytes + 1 + 4 * word);
}

/** Whether a record of this type can have this length. */
export function couldBe(type: number, bytes: number): boolean {
  switch (type) {
    case recordType.arrival:
      return bytes === arrivalBytes;
    case recordType.certain:
    case recordType.served:
      return bytes === noteBytes;
    case recordType.twin:
      return bytes >= twinFixedBytes && bytes <= recordBytesMax;
    case recordType.source:
      return bytes >= sourceFixedBytes && bytes <= recordBytesMax;
    default:
      return false;
  }
}
