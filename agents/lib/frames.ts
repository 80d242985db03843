import { crc32 } from "node:zlib";

/*
 * Frames of files that are only ever appended to: the length of the content and its CRC-32, four bytes each, then the content, whose first byte is its
 * type. An end that a kill or a loss of power has torn is recognised, and damage costs no more than what is damaged.
 */

/** Before the content. */
export const frameHeadBytes = 8;

/** Whether a frame of this type can have so many bytes, its head with them: asked before the CRC is reckoned, in garbage at each byte. */
export type CouldBe = (type: number, bytes: number) => boolean;

/** Writes the head of the frame that lies at `at` and has so many bytes, its head with them. */
export function sealFrame(to: Buffer, at: number, bytes: number): void {
  to.writeUInt32BE(bytes - frameHeadBytes, at);
  to.writeUInt32BE(crc32(to.subarray(at + frameHeadBytes, at + bytes)), at + 4);
}

/** Where a whole frame ends, or a frame of which the head is there. */
export function endOfFrame(data: Buffer, at: number): number {
  return at + frameHeadBytes + data.readUInt32BE(at);
}

/** Type of a whole frame. */
export function frameType(data: Buffer, at: number): number {
  return data[at + frameHeadBytes] ?? 0;
}

/** Whether a whole frame lies at `at`. */
export function isFrame(data: Buffer, at: number, couldBe: CouldBe): boolean {
  if (data.length - at <= frameHeadBytes) return false;
  const end = endOfFrame(data, at);
  if (end > data.length || !couldBe(frameType(data, at), end - at)) return false;
  return crc32(data.subarray(at + frameHeadBytes, end)) === data.readUInt32BE(at + 4);
}

/** Where the next whole frame begins, from a place on; the length of the data where there is none. Damage is passed over byte by byte. */
export function nextFrame(data: Buffer, from: number, couldBe: CouldBe): number {
  let at = from;
  while (at < data.length && !isFrame(data, at, couldBe)) at++;
  return at;
}

/** What a file of frames has. */
export interface FoundFrames {
  readonly frames: number;
  /** Where the last whole frame ends; what follows is torn. */
  readonly validBytes: number;
  /** Damaged bytes before that. */
  readonly damagedBytes: number;
}

/** Tells all whole frames, from a place on. Behind a damaged one the next is looked for: what was whole is not lost with it. */
export function readFrames(
  data: Buffer,
  from: number,
  couldBe: CouldBe,
  tell: (at: number, end: number) => void,
): FoundFrames {
  let frames = 0;
  let validBytes = from;
  let damagedBytes = 0;
  for (let at = nextFrame(data, from, couldBe); at < data.length; at = nextFrame(data, validBytes, couldBe)) {
    const end = endOfFrame(data, at);
    tell(at, end);
    frames += 1;
    damagedBytes += at - validBytes;
    validBytes = end;
  }
  return { frames, validBytes, damagedBytes };
}
