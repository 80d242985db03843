import type { ChannelModel } from "amqplib";

/** What amqplib's types don't name: a connection's received bytes that are not read yet, and its function that reads one frame of them. */
interface FrameReader {
  rest: Buffer;
  recvFrame(): unknown;
}

const frameTypeHeader = 2;
/** Type, channel and size before a frame's payload; one byte after it that marks the end. */
const frameHeadBytes = 7;
const frameEndBytes = 1;

/**
 * Handles a message whose properties amqplib can't decode (tables nested some thousand deep overflow its stack). It would end the
 * connection, be redelivered on the next one, and end that too. With this change it is delivered without properties instead, and
 * is judged by the rest of it.
 *
 * If another version of amqplib keeps these parts elsewhere, nothing is changed (a test reports it).
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

/** amqplib removes a frame from the bytes before it decodes it. If bytes had to be read first, the nested call has answered. */
function isTakenHeader(before: Buffer, rest: Buffer): boolean {
  if (before.length < frameHeadBytes || before[0] !== frameTypeHeader) return false;
  return rest.length === before.length - (frameHeadBytes + before.readUInt32BE(3) + frameEndBytes);
}

/** As amqplib reads it, without properties: the payload begins with the class, the weight and the size of the body. */
function contentHeader(frame: Buffer): unknown {
  const size = Number(frame.readBigUInt64BE(frameHeadBytes + 4));
  return { id: frame.readUInt16BE(frameHeadBytes), channel: frame.readUInt16BE(1), size, fields: {} };
}
