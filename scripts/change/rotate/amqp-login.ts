import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

/** A broker's answer to a login by AMQP, or why there is none. */
export type LoginAnswer = "accepted" | "refused" | { readonly silent: string };

export interface LoginPlace {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly secure: boolean;
}

const protocolHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
/** Class and method of a broker's answers, as one number. */
const answers = { start: 0x000a_000a, tune: 0x000a_001e, close: 0x000a_0032 } as const;
const startOk = Buffer.from([0, 10, 0, 11]);
const accessRefused = 403;
const loginMs = 20_000;

/**
 * Checks whether a login is accepted, and no more. A client library would also open a virtual host, which is another question, and would leave a socket
 * open if that is refused.
 */
export function logIn(
  { address: host, port, secure }: LoginPlace,
  user: string,
  password: string,
  ca: string | undefined,
): Promise<LoginAnswer> {
  return new Promise((resolve) => {
    const socket = secure ? connectTls({ host, port, ...(ca === undefined ? {} : { ca }) }) : connect({ host, port });
    let received: Buffer = Buffer.alloc(0);
    const settle = (answer: LoginAnswer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(loginMs, () => settle({ silent: `no answer within ${loginMs / 1000} s` }));
    socket.once(secure ? "secureConnect" : "connect", () => socket.write(protocolHeader));
    socket.on("error", (error) => settle({ silent: error.message }));
    socket.once("close", () => settle({ silent: "it closes the connection without an answer" }));
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      const [frame, rest] = frameOf(received);
      if (!frame) return;
      received = rest;
      const method = frame.readUInt32BE(0);
      if (method === answers.start) socket.write(startOkFrame(user, password));
      else if (method === answers.tune) settle("accepted");
      else if (method === answers.close && frame.readUInt16BE(4) === accessRefused) settle("refused");
      else settle({ silent: `it answers with method ${method.toString(16)}` });
    });
  });
}

/** A frame has a type, a channel and a size before its payload, and one octet after it. */
const [headBytes, endBytes, frameEnd] = [7, 1, 0xce];

function frameOf(received: Buffer): [Buffer | undefined, Buffer] {
  if (received.length < headBytes) return [undefined, received];
  const end = headBytes + received.readUInt32BE(3);
  if (received.length < end + endBytes) return [undefined, received];
  return [received.subarray(headBytes, end), received.subarray(end + endBytes)];
}

/** Without `authentication_failure_close` a broker refuses a login by closing the connection, which may have other causes. */
function startOkFrame(user: string, password: string): Buffer {
  const capability = Buffer.concat([short("authentication_failure_close"), Buffer.from("t\u0001")]);
  const properties = Buffer.concat([short("capabilities"), Buffer.from("F"), long(capability)]);
  const response = Buffer.from(`\0${user}\0${password}`);
  const payload = Buffer.concat([startOk, long(properties), short("PLAIN"), long(response), short("en_US")]);
  return Buffer.concat([Buffer.from([1, 0, 0]), long(payload), Buffer.from([frameEnd])]);
}

const short = (text: string): Buffer => Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)]);

function long(content: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(content.length);
  return Buffer.concat([size, content]);
}
