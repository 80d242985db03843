import { createHash, createHmac } from "node:crypto";
import type { ConnectionModel, EnvironmentModel } from "./types.ts";

/**
 * The key of a host in an OpenSSH known_hosts file, as `TYPE BASE64`: from a line with its address or a name, as `[…]:PORT` for a port other than 22,
 * possibly hashed. An ed25519 key is preferred. Lines with a marker (`@revoked`, `@cert-authority`) and patterns pin no key.
 *
 * @returns undefined if the text has no key of the host
 */
export function hostKeyOf(
  connection: Pick<ConnectionModel, "host" | "fullName" | "address" | "port">,
  knownHosts: string,
): string | undefined {
  const { host, fullName, address, port } = connection;
  const names = [address, host, ...(fullName === undefined ? [] : [fullName])];
  if (port !== 22) names.push(...names.map((name) => `[${name}]:${port}`));
  const keys = knownHosts
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([hosts = "", type, key]) => type && key && names.some((name) => isNamed(hosts, name)))
    .map(([, type, key]) => `${type} ${key}`);
  return keys.find((one) => one.startsWith("ssh-ed25519 ")) ?? keys[0];
}

/** Whether the first field of a line names this host. Hashed names are `|1|SALT|HMAC-SHA1(SALT, name)`, see sshd(8). */
function isNamed(hosts: string, name: string): boolean {
  const [, version, salt, hash] = hosts.split("|");
  if (version !== "1" || !salt) return hosts.split(",").includes(name);
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
}

/** `SHA256:…` of a key `TYPE BASE64`, as `ssh-keygen -l` shows it. */
export function fingerprintOf(key: string): string {
  const blob = Buffer.from(key.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** Path of a host's public key of this type, by sshd_config(5)'s defaults. */
export function hostKeyPath(key: string): string {
  const [type = ""] = key.split(" ");
  const name = type.startsWith("ecdsa-") ? "ecdsa" : type === "ssh-rsa" ? "rsa" : "ed25519";
  return `/etc/ssh/ssh_host_${name}_key.pub`;
}

/** Placeholder for the known_hosts line with a host's key; `hosts` is the first field of that line, e.g. `[wxo-b1]:2222`. */
export const knownHostMark = (hosts: string, host: string): string => `${hosts} {host key of ${host}}`;

const mark = /^(\S+) \{host key of ([^}]+)\}$/gm;

/** A connection with its host key and that of its jump host filled in, if known. */
export function withHostKey(
  { hostKey: _, via, ...connection }: ConnectionModel,
  keys: ReadonlyMap<string, string>,
): ConnectionModel {
  const key = keys.get(connection.host);
  return { ...connection, ...(key ? { hostKey: key } : {}), ...(via ? { via: withHostKey(via, keys) } : {}) };
}

/**
 * The model with known host keys filled in, in connections (including jump hosts) and in files that name a host's key.
 */
export function withHostKeys(model: EnvironmentModel, keys: ReadonlyMap<string, string>): EnvironmentModel {
  const lineOf = (_: string, hosts: string, host: string) => {
    const key = keys.get(host);
    return key === undefined ? `# ${hosts}: host key not known yet` : `${hosts} ${key}`;
  };
  return {
    ...model,
    hosts: model.hosts.map((host) => ({
      ...host,
      connection: withHostKey(host.connection, keys),
      files: host.files.map((file) => ({ ...file, content: file.content.replace(mark, lineOf) })),
    })),
  };
}
