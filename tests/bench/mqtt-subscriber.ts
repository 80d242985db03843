import { once } from "node:events";
import { connect, type Socket } from "node:net";

const kinds = { connack: 2, publish: 3, suback: 9 } as const;

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
};

/** A packet shorter than 128 bytes. */
const packet = (first: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([first, body.length]), body]);
};

/**
 * The smallest subscriber of MQTT 5, with a session of an hour and QoS 1, so that thousands in one process measure the broker and not a library.
 * Resolves when it has subscribed.
 *
 * @param onPayload with each message, which is acknowledged after it
 * @throws Error if the broker refuses the connection or the subscription
 */
export async function subscribe(
  port: number,
  { clientId, user, filter }: { readonly clientId: string; readonly user: string; readonly filter: string },
  onPayload: (payload: Buffer) => void,
): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const answers = Promise.withResolvers<void>();
  socket.once("close", () => answers.reject(new Error(`${clientId}: the broker closed the connection`)));
  const take = (kind: number, flags: number, body: Buffer) => {
    if (kind === kinds.publish) {
      const at = 2 + body.readUInt16BE(0);
      const start = at + (flags & 6 ? 2 : 0);
      // The payload follows the properties, which take fewer than 128 bytes.
      onPayload(body.subarray(start + 1 + body.readUInt8(start)));
      if (flags & 6) socket.write(packet(0x40, body.subarray(at, at + 2)));
    } else if (kind === kinds.connack && body.readUInt8(1) === 0) {
      socket.write(packet(0x82, Buffer.from([0, 1, 0]), text(filter), Buffer.from([1])));
    } else if (kind === kinds.suback && body.at(-1) === 1) {
      answers.resolve();
    } else {
      answers.reject(new Error(`${clientId}: the broker answered ${kind} ${body.toString("hex")}`));
    }
  };
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (;;) {
      const found = firstPacket(rest);
      if (!found) return;
      take((rest.readUInt8(0) >> 4) & 0xf, rest.readUInt8(0) & 0xf, rest.subarray(found.start, found.end));
      rest = rest.subarray(found.end);
    }
  });
  const sessionOfAnHour = Buffer.from([5, 0x11, 0, 0, 0x0e, 0x10]);
  const versionAndFlags = Buffer.from([5, 0xc0, 0, 0]);
  socket.write(packet(0x10, text("MQTT"), versionAndFlags, sessionOfAnHour, ...[clientId, user, user].map(text)));
  await answers.promise;
  return socket;
}

/** Where the first packet's body is; undefined if it is not complete. */
function firstPacket(bytes: Buffer): { readonly start: number; readonly end: number } | undefined {
  let length = 0;
  for (let at = 1; at < Math.min(bytes.length, 5); at++) {
    const byte = bytes.readUInt8(at);
    length += (byte & 0x7f) * 128 ** (at - 1);
    if (byte < 128) return bytes.length > at + length ? { start: at + 1, end: at + 1 + length } : undefined;
  }
  return undefined;
}
