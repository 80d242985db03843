import { createConnection } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { lab, stackConfig } from "./subject.ts";

/** Milliseconds for a host on the same bridge to accept or refuse a connection. */
const dialTimeoutMs = 3000;

export type PortState = "open" | "refused" | "silent";

/** The state of a port, seen from a host of the lab. */
export async function dialFrom(host: string, address: string, port: number): Promise<PortState> {
  const dial = `timeout ${dialTimeoutMs / 1000} bash -c 'exec 3<>/dev/tcp/${address}/${port}'`;
  const { exitCode, stderr } = await hostExec(lab, host, ["sh", "-c", dial], { reject: false, timeoutMs: 30_000 });
  if (exitCode === 0) return "open";
  return stderr.includes("refused") ? "refused" : "silent";
}

/** The state of a port, seen from this machine. */
export function dialFromHere(address: string, port: number): Promise<PortState> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port, timeout: dialTimeoutMs });
    const answer = (state: PortState) => () => {
      socket.destroy();
      resolve(state);
    };
    socket.once("connect", answer("open")).once("timeout", answer("silent")).once("error", answer("refused"));
  });
}

/** Completes a TLS handshake with a server. @throws the reason why the handshake failed */
export function handshake(address: string, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, timeout: dialTimeoutMs, ...options });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("timeout", () => socket.destroy(new Error(`${address}:${port} does not answer`)));
    socket.once("error", reject);
  });
}

/** The broker of the announcements, its members with their addresses, and a host that is not a member. */
export async function brokerSubject() {
  const config = await stackConfig();
  const broker = config.brokers[config.announcements.broker];
  if (!broker) throw new TypeError("no broker");
  const members = broker.members.map((name) => ({ name, address: config.hosts[name]?.address ?? name }));
  const [first, second] = members;
  const outsider = Object.keys(config.hosts).find((host) => !broker.members.includes(host));
  if (!first || !second || !outsider) throw new TypeError("expected two members and another host");
  const ca = (await readOperatorCa(lab)) ?? "";
  return { config, broker, members, first, second, outsider, ca };
}
