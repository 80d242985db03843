import { encodeTable, shortString, type Table, uint64 } from "./fields.ts";

/** The properties of one message, in bytes where peers may write any. */
export interface Properties {
  readonly headers?: Table;
  readonly contentType?: Buffer;
  readonly contentEncoding?: Buffer;
  readonly deliveryMode?: number;
  readonly priority?: number;
  readonly correlationId?: Buffer;
  readonly replyTo?: Buffer;
  readonly expiration?: Buffer;
  readonly messageId?: Buffer;
  readonly timestamp?: bigint;
  readonly type?: Buffer;
  readonly userId?: Buffer;
  readonly appId?: Buffer;
}

/** One message as it is published. */
export interface RawMessage {
  readonly exchange: string;
  readonly routingKey: Buffer;
  readonly properties: Properties;
  readonly body: Buffer;
}

/** What is read of a message that came: never more of its headers than where they end, whatever is in them. */
export interface RawDelivery {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: Buffer;
  readonly redelivered: boolean;
  /** Encoded, without its length. */
  readonly headers: Buffer;
  readonly messageId: string;
  readonly appId: string;
  readonly body: Buffer;
}

const classBasic = 60;
/** In the order in which AMQP writes them, with the bits that say which are there. */
const order = [
  ["contentType", 15],
  ["contentEncoding", 14],
  ["headers", 13],
  ["deliveryMode", 12],
  ["priority", 11],
  ["correlationId", 10],
  ["replyTo", 9],
  ["expiration", 8],
  ["messageId", 7],
  ["timestamp", 6],
  ["type", 5],
  ["userId", 4],
  ["appId", 3],
] as const;

/** The payload of a content header frame. */
export function encodeContentHeader(properties: Properties, bodyBytes: number): Buffer {
  let flags = 0;
  const parts: Buffer[] = [];
  for (const [name, bit] of order) {
    const value = properties[name];
    if (value === undefined) continue;
    flags |= 1 << bit;
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

/** Of the payload of a content header frame: the size of the body, and what identifies the message. */
export function readContentHeader(payload: Buffer): Pick<RawDelivery, "headers" | "messageId" | "appId"> & {
  readonly bodyBytes: number;
} {
  const flags = payload.readUInt16BE(12);
  let at = 14;
  const found: { headers: Buffer; messageId: string; appId: string } = {
    headers: Buffer.alloc(0),
    messageId: "",
    appId: "",
  };
  for (const [name, bit] of order) {
    if ((flags & (1 << bit)) === 0) continue;
    if (name === "headers") {
      const length = payload.readUInt32BE(at);
      found.headers = payload.subarray(at + 4, at + 4 + length);
      at += 4 + length;
    } else if (name === "timestamp") at += 8;
    else if (name === "deliveryMode" || name === "priority") at += 1;
    else {
      const length = payload.readUInt8(at);
      const text = payload.toString("utf8", at + 1, at + 1 + length);
      if (name === "messageId" || name === "appId") found[name] = text;
      at += 1 + length;
    }
  }
  return { ...found, bodyBytes: Number(payload.readBigUInt64BE(4)) };
}

/** A text header by its name, without reading the others as anything: undefined where there is none. */
export function textHeader({ headers }: Pick<RawDelivery, "headers">, name: string): string | undefined {
  const start = Buffer.concat([shortString(name), Buffer.from("S")]);
  const at = headers.lastIndexOf(start);
  if (at < 0) return undefined;
  const from = at + start.length + 4;
  return headers.toString("utf8", from, from + headers.readUInt32BE(from - 4));
}
