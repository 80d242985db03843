import { uint32 } from "./fields.ts";

/** Numbers of class and method as one. */
const method = (classId: number, methodId: number) => classId * 0x1_0000 + methodId;
export const methods = {
  close: method(10, 50),
  channelClose: method(20, 40),
  return: method(60, 50),
  deliver: method(60, 60),
  ack: method(60, 80),
  nack: method(60, 120),
} as const;

const frameEnd = 0xce;
const frameOverheadBytes = 8;
export const frameMax = 131_072;
/** Header frames can't be split: this much fits into one. */
export const headerFrameBytesMax = frameMax - frameOverheadBytes;

/** Cuts what comes by a socket into frames. */
export class FrameReader {
  readonly #onFrame: (type: number, payload: Buffer) => void;
  #unread: Buffer = Buffer.alloc(0);

  constructor(onFrame: (type: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  read(data: Buffer): void {
    this.#unread = this.#unread.length === 0 ? data : Buffer.concat([this.#unread, data]);
    let at = 0;
    while (this.#unread.length - at >= frameOverheadBytes) {
      const size = this.#unread.readUInt32BE(at + 3);
      if (this.#unread.length - at < size + frameOverheadBytes) break;
      this.#onFrame(this.#unread.readUInt8(at), this.#unread.subarray(at + 7, at + 7 + size));
      at += size + frameOverheadBytes;
    }
    this.#unread = this.#unread.subarray(at);
  }
}

export const zero2 = Buffer.from([0, 0]);

export function methodFrame(onChannel: number, classId: number, methodId: number, ...args: readonly Buffer[]): Buffer {
  return frame(1, onChannel, Buffer.concat([uint32(method(classId, methodId)), ...args]));
}

export function frame(type: number, onChannel: number, payload: Buffer): Buffer {
  const start = Buffer.alloc(7);
  start.writeUInt8(type, 0);
  start.writeUInt16BE(onChannel, 1);
  start.writeUInt32BE(payload.length, 3);
  return Buffer.concat([start, payload, Buffer.from([frameEnd])]);
}

export function readShort(payload: Buffer, at: number): Buffer {
  return payload.subarray(at + 1, at + 1 + payload.readUInt8(at));
}
