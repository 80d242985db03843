import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

/** `AMQP` and protocol 0-9-1: what a client says first. */
const protocolHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
/** First octet of a method frame: the broker's `connection.start`. */
const methodFrame = 1;

/** True when something at this address answers an AMQP greeting within the time; an open port alone is not enough. */
export function answersAmqp(host: string, port: number, timeoutMs = 2_000, secure = false): Promise<boolean> {
  return new Promise((resolve) => {
    // Whether it is the right broker is for clients to judge, who say more than a greeting.
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
