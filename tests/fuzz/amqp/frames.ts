import { encodeTable, shortString, type Table, uint32, uint64 } from "./fields.ts";

/** A message to publish. */
export interface RawMessage {
  readonly exchange: string;
  readonly routingKey: Buffer;
  readonly properties: Properties;
  readonly body: Buffer;
}

const classBasic = 60;
/** In AMQP's order; the first one has the highest flag bit. */
const order = [
  ...(["contentType", "contentEncoding", "headers", "deliveryMode", "priority", "correlationId", "replyTo"] as const),
  ...(["expiration", "messageId", "timestamp", "type", "userId", "appId"] as const),
];

/** The properties of a message; as bytes where peers may write any. */
export type Properties = Readonly<Partial<Record<(typeof order)[number], Buffer | number | bigint | Table>>>;

const frameOverheadBytes = 8;
export const frameMax = 131_072;
/** Header frames can't be split: the limit of their payload. */
export const framePayloadMax = frameMax - frameOverheadBytes;

/** The payload of a content header frame. */
export function encodeContentHeader(properties: Properties, bodyBytes: number): Buffer {
  let flags = 0;
  const parts: Buffer[] = [];
  for (const [at, name] of order.entries()) {
    const value = properties[name];
    if (value === undefined) continue;
    flags |= 1 << (15 - at);
    if (Buffer.isBuffer(value)) parts.push(shortString(value));
    else if (typeof value === "bigint") parts.push(uint64(value));
    else if (typeof value === "number") parts.push(Buffer.from([value & 0xff]));
    else parts.push(encodeTable(value));
  }
  const start = Buffer.alloc(14);
  start.writeUInt16BE(classBasic, 0);
  start.writeBigUInt64BE(BigInt(bodyBytes), 4);
  start.writeUInt16BE(flags, 12);
  return Buffer.concat([start, ...parts]);
}

export function method(channel: number, classId: number, methodId: number, ...args: readonly Buffer[]): Buffer {
  return frame(1, channel, Buffer.concat([uint32(classId * 0x1_0000 + methodId), ...args]));
}

export function frame(type: number, channel: number, payload: Buffer): Buffer {
  const start = Buffer.from([type, channel >> 8, channel & 0xff]);
  return Buffer.concat([start, uint32(payload.length), payload, Buffer.from([0xce])]);
}
