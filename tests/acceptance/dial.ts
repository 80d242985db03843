import { createConnection } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { lab, stackConfig } from "./subject.ts";

/** Milliseconds for a host on the same bridge to take or refuse a connection. */
const reachTimeoutMs = 3000;

export type PortState = "open" | "refused" | "silent";

/** What a port says to a host of the lab that dials it. */
export async function dialFrom(host: string, address: string, port: number): Promise<PortState> {
  const dial = `timeout ${reachTimeoutMs / 1000} bash -c 'exec 3<>/dev/tcp/${address}/${port}'`;
  const { exitCode, stderr } = await hostExec(lab, host, ["sh", "-c", dial], { reject: false, timeoutMs: 30_000 });
  if (exitCode === 0) return "open";
  return stderr.includes("refused") ? "refused" : "silent";
}

/** What a port says to this machine. */
export function dialFromHere(address: string, port: number): Promise<PortState> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port, timeout: reachTimeoutMs });
    const answer = (reach: PortState) => () => {
      socket.destroy();
      resolve(reach);
    };
    socket.once("connect", answer("open")).once("timeout", answer("silent")).once("error", answer("refused"));
  });
}

/** A finished TLS handshake with a server. @throws what the handshake failed of */
export function handshake(address: string, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, timeout: reachTimeoutMs, ...options });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("timeout", () => socket.destroy(new Error(`${address}:${port} says nothing`)));
    socket.once("error", reject);
  });
}

/** The broker that carries the announcements, its members with their addresses, and a host that is none of them. */
export async function brokerSubject() {
  const config = await stackConfig();
  const broker = config.brokers[config.announcements.broker];
  if (!broker) throw new TypeError("no broker");
  const members = broker.members.map((name) => ({ name, address: config.hosts[name]?.address ?? name }));
  const [first, second] = members;
  const outsider = Object.keys(config.hosts).find((host) => !broker.members.includes(host));
  if (!first || !second || !outsider) throw new TypeError("two members and another host are expected");
  const ca = (await readOperatorCa(lab)) ?? "";
  return { config, broker, members, first, second, outsider, ca };
}
