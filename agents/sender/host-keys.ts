import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** One line of a known_hosts file for a host: its key's type and bytes. */
export interface KnownKey {
  readonly type: string;
  readonly key: Buffer;
  /** `@revoked`: never to be trusted. */
  readonly isRevoked: boolean;
}

/** `SHA256:…`, as printed by ssh-keygen -l. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The keys in a known_hosts file for a host: plain names, patterns, `[host]:port`, hashed names. CAs of certificates are ignored. */
export function knownKeys(text: string, host: string, port: number): KnownKey[] {
  const name = port === 22 ? host : `[${host}]:${port}`;
  return text.split("\n").flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith("@") ? words.shift() : undefined;
    const [hosts, type, key] = words;
    if (!hosts || hosts.startsWith("#") || !type || !key || marker === "@cert-authority") return [];
    if (!namesHost(hosts, name)) return [];
    return [{ type, key: Buffer.from(key, "base64"), isRevoked: marker === "@revoked" }];
  });
}

/** Algorithms to request so that a server with several keys shows one of these. */
export function algorithmsOf(keys: readonly KnownKey[]): string[] {
  const types = new Set(keys.filter(({ isRevoked }) => !isRevoked).map(({ type }) => type));
  return [...types].flatMap((type) => (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]));
}

function namesHost(hosts: string, name: string): boolean {
  if (hosts.startsWith("|1|")) return isHashOf(hosts, name);
  const patterns = hosts.split(",");
  const matches = (pattern: string) => {
    const source = pattern
      .replace(/[\\^$.+()[\]{}|]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".");
    return new RegExp(`^${source}$`, "i").test(name);
  };
  if (patterns.some((pattern) => pattern.startsWith("!") && matches(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith("!") && matches(pattern));
}

/** `|1|SALT|HASH`, as `HashKnownHosts yes` writes it. */
function isHashOf(hosts: string, name: string): boolean {
  const [, , salt = "", hash = ""] = hosts.split("|");
  const made = createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest();
  const expected = Buffer.from(hash, "base64");
  return made.length === expected.length && timingSafeEqual(made, expected);
}
