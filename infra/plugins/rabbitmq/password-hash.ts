import { createHash } from "node:crypto";

/**
 * Whether a password matches a hash: base64(4 octets of salt, digest(salt, password)). An empty password has no hash: such a user can't log in
 * with the broker's own database. A hash with an unknown algorithm counts as matching.
 */
export function matchesHash(password: string, hash: string, algorithm: string): boolean {
  if (password === "" || hash === "") return password === hash;
  const digest = digestOf(algorithm);
  if (digest === undefined) return true;
  const octets = Buffer.from(hash, "base64");
  const salted = Buffer.concat([octets.subarray(0, 4), Buffer.from(password)]);
  return octets.subarray(4).equals(createHash(digest).update(salted).digest());
}

/** Whether `matchesHash` supports the algorithm. */
export const isKnownAlgorithm = (algorithm: string): boolean => digestOf(algorithm) !== undefined;

const digestOf = (algorithm: string): string | undefined =>
  /^rabbit_password_hashing_(sha256|sha512|md5)$/.exec(algorithm)?.[1];
