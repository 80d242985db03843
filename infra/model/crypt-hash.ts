import { createHmac, scryptSync } from "node:crypto";

/** crypt(3)'s digits, in the order of their values. */
const digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 4 MB and about ten milliseconds for each attempt. */
const cost = { N: 4096, r: 8, p: 1 };
const hashBytes = 32;

/** By salt, which is of name and password. A model has the same hash on each server that a password is for, and a run makes several models. */
const known = new Map<string, string>();

/**
 * A scrypt hash for Debian's crypt(3) (`$7$`: N, r, p, salt, hash; crypt(5)). The salt is derived from password and name, so that the same password
 * gives the same text.
 */
export function cryptHash(name: string, password: string): string {
  const salt = createHmac("sha256", password).update(`crypt ${name}`).digest("hex").slice(0, 22);
  const hash = known.get(salt) ?? inDigits(scryptSync(password, salt, hashBytes, cost));
  known.set(salt, hash);
  return `$7$${digits[Math.log2(cost.N)]}${number(cost.r)}${number(cost.p)}${salt}$${hash}`;
}

/** 30 bits, lowest first. */
const number = (value: number): string => lowestFirst(value, 5);

/** Three bytes give four characters, lowest bits first. */
function inDigits(bytes: Buffer): string {
  const groups = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, index) =>
    bytes.subarray(index * 3, index * 3 + 3),
  );
  return groups
    .map((group) => lowestFirst(group.readUIntLE(0, group.length), Math.ceil((group.length * 8) / 6)))
    .join("");
}

const lowestFirst = (value: number, count: number): string =>
  Array.from({ length: count }, (_, index) => digits[Math.floor(value / 64 ** index) % 64]).join("");
