import { crc32 } from "node:zlib";

/*
 * Frames of append-only files: the length of the content and its CRC-32, four bytes each, then the content, whose first byte is
 * its type. An end torn by a kill or a power loss is recognized, and damage costs only the damaged frames.
 */

/** Before the content. */
export const frameHeadBytes = 8;

/** Whether a frame of this type can have this many bytes, including its head. Called before the CRC is computed, in garbage at each byte. */
export type CouldBe = (type: number, bytes: number) => boolean;

/** Writes the head of the frame at `at` with this many bytes, including its head. */
export function sealFrame(to: Buffer, at: number, bytes: number): void {
  to.writeUInt32BE(bytes - frameHeadBytes, at);
  to.writeUInt32BE(crc32(to.subarray(at + frameHeadBytes, at + bytes)), at + 4);
}

/** Where a complete frame ends, or a frame whose head is present. */
export function endOfFrame(data: Buffer, at: number): number {
  return at + frameHeadBytes + data.readUInt32BE(at);
}

/** Type of a complete frame. */
export function frameType(data: Buffer, at: number): number {
  return data[at + frameHeadBytes] ?? 0;
}

/** Whether there is a complete frame at `at`. */
export function isFrame(data: Buffer, at: number, couldBe: CouldBe): boolean {
  if (data.length - at <= frameHeadBytes) return false;
  const end = endOfFrame(data, at);
  if (end > data.length || !couldBe(frameType(data, at), end - at)) return false;
  return crc32(data.subarray(at + frameHeadBytes, end)) === data.readUInt32BE(at + 4);
}

/** Where the next complete frame begins, from an offset on; the length of the data if there is none. Damage is skipped byte by byte. */
export function nextFrame(data: Buffer, from: number, couldBe: CouldBe): number {
  let at = from;
  while (at < data.length && !isFrame(data, at, couldBe)) at++;
  return at;
}

/** What a file of frames contains. */
export interface FoundFrames {
  readonly frames: number;
  /** Where the last complete frame ends; what follows is torn. */
  readonly validBytes: number;
  /** Damaged bytes before that. */
  readonly damagedBytes: number;
}

/**
 * Calls `onFrame` for all complete frames from an offset on. After a damaged one the next is searched, so that intact frames are not lost with it.
 */
export function readFrames(
  data: Buffer,
  from: number,
  couldBe: CouldBe,
  onFrame: (at: number, end: number) => void,
): FoundFrames {
  let frames = 0;
  let validBytes = from;
  let damagedBytes = 0;
  for (let at = nextFrame(data, from, couldBe); at < data.length; at = nextFrame(data, validBytes, couldBe)) {
    const end = endOfFrame(data, at);
    onFrame(at, end);
    frames += 1;
    damagedBytes += at - validBytes;
    validBytes = end;
  }
  return { frames, validBytes, damagedBytes };
}
