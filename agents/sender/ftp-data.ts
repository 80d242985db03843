import { once } from "node:events";
import { connect, createServer, isIPv6, type Server, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { type FTPContext, FTPError } from "basic-ftp";

/*
 * Not by basic-ftp's own transfers. They know no active mode. An error of their data connection ends the login before the server's reply has come, so a full
 * disk there would be told as a connection that was lost. They refuse a server that names an address behind its router, and wait for TLS on the data
 * connection for ever. Active mode needs most of what is here in any case.
 */

/** A connection for one file's bytes, which the server opens or is about to take. */
export interface DataConnection {
  /** Resolves when bytes can be written; called after the server has said that it waits for them. */
  socket(): Promise<Socket>;
  close(): void;
}

export interface DataOptions {
  readonly mode: "passive" | "active";
  readonly timeoutMs: number;
}

/** Asks the server for a connection, or to open one. Rejects with its refusal, or what the network says. */
export async function openData(ftp: FTPContext, { mode, timeoutMs }: DataOptions): Promise<DataConnection> {
  return mode === "passive" ? openPassive(ftp, timeoutMs) : openActive(ftp, timeoutMs);
}

/** The address is the one that we speak to already: what the server says of it may be one behind its router. */
async function openPassive(ftp: FTPContext, timeoutMs: number): Promise<DataConnection> {
  const host = ftp.socket.remoteAddress;
  const port = await passivePort(ftp);
  const raw = errorsHeld(connect({ host, port }));
  const connected = within(once(raw, "connect"), timeoutMs, `port ${port} of the server takes no connection`);
  connected.catch(() => {});
  return {
    async socket() {
      await connected;
      return secured(ftp, raw, timeoutMs);
    },
    close: () => raw.destroy(),
  };
}

async function passivePort(ftp: FTPContext): Promise<number> {
  const extended = await ftp.request("EPSV").catch((error: unknown) => {
    if (!(error instanceof FTPError)) throw error;
    return undefined;
  });
  const told = extended ? /\((.)\1\1(\d+)\1\)/.exec(extended.message)?.[2] : undefined;
  if (told !== undefined) return Number(told);
  const { message } = await ftp.request("PASV");
  const [, high, low] = /(?:\d+,){4}(\d+),(\d+)/.exec(message) ?? [];
  if (high === undefined || low === undefined) throw new Error(`the server names no port: ${message}`);
  return Number(high) * 256 + Number(low);
}

async function openActive(ftp: FTPContext, timeoutMs: number): Promise<DataConnection> {
  const address = (ftp.socket.localAddress ?? "").replace(/^::ffff:/, "");
  const server = createServer();
  server.maxConnections = 1;
  const accepted = once(server, "connection");
  accepted.catch(() => {});
  try {
    server.listen(0, address);
    await once(server, "listening");
    await ftp.request(portCommand(address, portOf(server)));
  } catch (error) {
    server.close();
    throw error;
  }
  let raw: Socket | undefined;
  return {
    async socket() {
      [raw] = (await within(accepted, timeoutMs, `the server opens no connection to ${address}`)) as [Socket];
      // Whoever was quicker than the server is not it.
      errorsHeld(raw);
      if (raw.remoteAddress !== ftp.socket.remoteAddress) throw new Error(`${raw.remoteAddress} is not the server`);
      return secured(ftp, raw, timeoutMs);
    },
    close() {
      server.close();
      raw?.destroy();
    },
  };
}

function portCommand(address: string, port: number): string {
  if (isIPv6(address)) return `EPRT |2|${address}|${port}|`;
  return `PORT ${address.replaceAll(".", ",")},${Math.floor(port / 256)},${port % 256}`;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Over TLS where the commands are, in their session, as servers want it. */
async function secured(ftp: FTPContext, raw: Socket, timeoutMs: number): Promise<Socket> {
  const { socket: control } = ftp;
  if (!(control instanceof TLSSocket)) return raw;
  const session = ftp.tlsSessionStore ?? control.getSession();
  const socket = errorsHeld(connectTls({ ...ftp.tlsOptions, socket: raw, session }));
  socket.on("session", (next) => {
    ftp.tlsSessionStore = next;
  });
  await within(once(socket, "secureConnect"), timeoutMs, "no TLS on the connection for data");
  return socket;
}

/** A connection may break while nobody waits for it, between its opening and the first byte: `errored` keeps why. */
function errorsHeld<S extends Socket>(socket: S): S {
  return socket.on("error", () => {});
}

async function within<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timeout = setTimeout(() => late.reject(new Error(`${what} within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timeout);
  }
}
