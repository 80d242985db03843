import { once } from "node:events";
import { connect, createServer, isIPv6, type Server, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { type FTPContext, FTPError } from "basic-ftp";

/*
 * Replaces basic-ftp's own transfers. They have no active mode. An error on their data connection ends the session before the server's
 * reply has come, so a full disk would be reported as a lost connection. They reject a server that names an address behind its router,
 * and wait forever for TLS on the data connection. Active mode needs most of this code in any case.
 */

/** A connection for one file's data, opened by the server or by us. */
export interface DataConnection {
  /** Resolves when data can be written. Call it after the server has replied that it is ready. */
  socket(): Promise<Socket>;
  close(): void;
}

export interface DataOptions {
  readonly mode: "passive" | "active";
  readonly timeoutMs: number;
}

/** Asks the server to accept a connection, or to open one. Rejects with the server's refusal or a network error. */
export async function openData(ftp: FTPContext, { mode, timeoutMs }: DataOptions): Promise<DataConnection> {
  return mode === "passive" ? openPassive(ftp, timeoutMs) : openActive(ftp, timeoutMs);
}

/** Uses the address of the control connection: the one that the server names may be behind its router. */
async function openPassive(ftp: FTPContext, timeoutMs: number): Promise<DataConnection> {
  const host = ftp.socket.remoteAddress;
  const port = await passivePort(ftp);
  const raw = errorsHeld(connect({ host, port }));
  const connected = within(once(raw, "connect"), timeoutMs, `the server accepts no connection on port ${port}`);
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
  const port = extended ? /\((.)\1\1(\d+)\1\)/.exec(extended.message)?.[2] : undefined;
  if (port !== undefined) return Number(port);
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
      // Another client may have connected before the server.
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

/** Uses TLS if the control connection does, and resumes its session, as servers require. */
async function secured(ftp: FTPContext, raw: Socket, timeoutMs: number): Promise<Socket> {
  const { socket: control } = ftp;
  if (!(control instanceof TLSSocket)) return raw;
  const session = ftp.tlsSessionStore ?? control.getSession();
  const socket = errorsHeld(connectTls({ ...ftp.tlsOptions, socket: raw, session }));
  socket.on("session", (next) => {
    ftp.tlsSessionStore = next;
  });
  await within(once(socket, "secureConnect"), timeoutMs, "no TLS on the data connection");
  return socket;
}

/** A connection may fail before its first byte, when nothing awaits it: `errored` keeps the reason. */
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
