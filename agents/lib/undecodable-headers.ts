import type { ChannelModel } from "amqplib";

/** Of a connection of amqplib, what its types don't name: bytes that came and are not read yet, and the reading of one frame of them. */
interface FrameReader {
  rest: Buffer;
  recvFrame(): unknown;
}

const frameTypeHeader = 2;
/** Type, channel, size before a frame's payload; one after it that marks the end. */
const frameHeadBytes = 7;
const frameEndBytes = 1;

/**
 * A message whose properties amqplib can't decode (tables nested some thousand deep overflow its stack) would end the connection, come again
 * by the next one, and end that. From now on it comes without properties instead, and is judged by the rest of it.
 *
 * Where another version of amqplib keeps these parts elsewhere, nothing is changed (a test says so).
 */
export function acceptUndecodableHeaders(model: ChannelModel, onUndecodable: (error: Error) => void): void {
  const reader = model.connection as unknown as Partial<FrameReader>;
  const receive = reader.recvFrame;
  if (receive === undefined) return;
  reader.recvFrame = function (this: FrameReader): unknown {
    const before = this.rest;
    try {
      return receive.call(this);
    } catch (error) {
      if (!isTakenHeader(before, this.rest)) throw error;
      onUndecodable(error as Error);
      return contentHeader(before);
    }
  };
}

/** amqplib takes a frame off the bytes before it decodes it. Where bytes had to be read first, the call from within has answered. */
function isTakenHeader(before: Buffer, rest: Buffer): boolean {
  if (before.length < frameHeadBytes || before[0] !== frameTypeHeader) return false;
  return rest.length === before.length - (frameHeadBytes + before.readUInt32BE(3) + frameEndBytes);
}

/** As amqplib reads it, with no property: class, weight and size of the body are what the payload begins with. */
function contentHeader(frame: Buffer): unknown {
  const size = Number(frame.readBigUInt64BE(frameHeadBytes + 4));
  return { id: frame.readUInt16BE(frameHeadBytes), channel: frame.readUInt16BE(1), size, fields: {} };
}
