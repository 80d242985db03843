import { createHmac } from "node:crypto";
import { UserError } from "../../agents/lib/errors.ts";
import type { ConnectionModel } from "./types.ts";

/**
 * The pinned key of a host, as `TYPE BASE64`: the line of its address or its name counts, also as `[…]:PORT` where it listens elsewhere
 * than on 22, also hashed. ed25519 where there are several. Lines with a marker (`@revoked`, `@cert-authority`) and patterns pin no key.
 *
 * @param knownHosts text of an OpenSSH known_hosts
 * @throws UserError where it knows nothing of the host
 */
export function hostKeyOf(connection: Pick<ConnectionModel, "host" | "address" | "port">, knownHosts: string): string {
  const { host, address, port } = connection;
  const names = [address, host];
  if (port !== 22) names.push(...names.map((name) => `[${name}]:${port}`));
  const keys = knownHosts
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([hosts = "", type, key]) => type && key && names.some((name) => isNamed(hosts, name)))
    .map(([, type, key]) => `${type} ${key}`);
  const key = keys.find((one) => one.startsWith("ssh-ed25519 ")) ?? keys[0];
  if (!key) {
    const scan = port === 22 ? address : `-p ${port} ${address}`;
    throw new UserError(
      "warren:ssh.knownHostsFile",
      `no host key of ${host} (${address}${port === 22 ? "" : `, port ${port}`})`,
      `add it after comparing its fingerprint on the host's console: ssh-keyscan -t ed25519 ${scan}`,
    );
  }
  return key;
}

/** Does the first field of a line name this host? Hashed ones are `|1|SALT|HMAC-SHA1(SALT, name)`, see sshd(8). */
function isNamed(hosts: string, name: string): boolean {
  const [, version, salt, hash] = hosts.split("|");
  if (version !== "1" || !salt) return hosts.split(",").includes(name);
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
}
