import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

/** The protocol header of a client: `AMQP` and version 0-9-1. */
const protocolHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
/** First octet of a method frame: the broker's `connection.start`. */
const methodFrame = 1;

/** Whether an AMQP server answers at this address within the time; an open port alone is not enough. */
export function answersAmqp(host: string, port: number, timeoutMs = 2_000, secure = false): Promise<boolean> {
  return new Promise((resolve) => {
    // Only a login can show whether it is the right broker.
    const socket = secure ? connectTls({ host, port, rejectUnauthorized: false }) : connect({ host, port });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => settle(false));
    socket.once(secure ? "secureConnect" : "connect", () => socket.write(protocolHeader));
    socket.once("data", (data) => settle(data[0] === methodFrame));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
  });
}
