import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  type ScryptOptions,
  scrypt,
} from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { z } from "zod";
import { UserError } from "../../../agents/lib/errors.ts";

/**
 * A backup is one file:
 *
 *   8 bytes   `warrenBK`
 *   4 bytes   length of the header, as all numbers big-endian
 *   header    JSON in the clear: version, stack, time, salt and cost of scrypt(3), and `check`, which tells another passphrase from damage
 *   records   4 bytes length of what follows, 12 bytes nonce, gzip encrypted by AES-256-GCM, 16 bytes tag
 *
 * The first record is the manifest, the others are its parts in their order. A record is bound to the file and to its place by additional data:
 * sha256 of all before the records, then its number in 4 bytes. scrypt gives 64 bytes from the passphrase (without white space around it): the
 * key of the records, then the key of fingerprints (HMAC-SHA256, the first 8 bytes, over `name NUL value`).
 */
const magic = Buffer.from("warrenBK", "latin1");
const formatVersion = 1;
const nonceBytes = 12;
const tagBytes = 16;
const keyBytes = 32;
/** What Node takes as one buffer on every machine, and more than a journal of the largest window has. */
const recordBytesMax = 2 ** 31 - 1;
const headerBytesMax = 64 * 1024;
/** 128 MiB and a third of a second: what OWASP recommends for passphrases. */
const cost = { N: 2 ** 17, r: 8, p: 1 } as const;
/** A file that asks for more was not written by warren, and would take this machine's memory. */
const costMax = { N: 2 ** 18, r: 8, p: 4 } as const;

const headerSchema = z.object({
  version: z.number(),
  stack: z.string(),
  createdAt: z.string(),
  scrypt: z.object({
    salt: z.string(),
    N: z
      .int()
      .min(2)
      .max(costMax.N)
      .refine((value) => Number.isInteger(Math.log2(value))),
    r: z.int().min(1).max(costMax.r),
    p: z.int().min(1).max(costMax.p),
  }),
  check: z.string(),
});
export type Header = z.infer<typeof headerSchema>;

export interface Keys {
  readonly records: Buffer;
  readonly fingerprints: Buffer;
}

/** A file that was read and not decrypted yet. */
export interface SealedFile {
  readonly name: string;
  readonly header: Header;
  readonly records: readonly Buffer[];
  /** Bytes at the end that are no whole record: the file was cut off. */
  readonly tornBytes: number;
  readonly binding: Buffer;
}

const compress = promisify(gzip);
const decompress = promisify(gunzip);
const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

export async function newHeader(stack: string, createdAt: string, passphrase: string): Promise<[Header, Keys]> {
  const settings = { salt: randomBytes(16).toString("base64"), ...cost };
  const keys = await keysOf(passphrase, settings);
  return [{ version: formatVersion, stack, createdAt, scrypt: settings, check: checkOf(keys) }, keys];
}

/** @throws UserError where it is another passphrase */
export async function openKeys(
  { name, header }: Pick<SealedFile, "name" | "header">,
  passphrase: string,
): Promise<Keys> {
  const keys = await keysOf(passphrase, header.scrypt);
  if (checkOf(keys) === header.check) return keys;
  const remedy = "give the passphrase that the stack had then: --passphrase-file FILE";
  throw new UserError(name, "was encrypted with another passphrase", remedy);
}

/** Of a value that is not to be told: the same one has the same, within one backup. */
export const fingerprint = (keys: Keys, name: string, value: string): string =>
  createHmac("sha256", keys.fingerprints).update(`${name}\0${value}`).digest("hex").slice(0, 16);

/** @param contents the manifest, then the parts */
export async function seal(header: Header, keys: Keys, contents: readonly Buffer[]): Promise<Buffer> {
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.concat([magic, number(text.length), text]);
  const binding = createHash("sha256").update(head).digest();
  const records = await Promise.all(contents.map((content, index) => sealRecord(keys, binding, index, content)));
  return Buffer.concat([head, ...records]);
}

async function sealRecord(keys: Keys, binding: Buffer, index: number, content: Buffer): Promise<Buffer> {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", keys.records, nonce).setAAD(Buffer.concat([binding, number(index)]));
  const text = cipher.update(await compress(content));
  const rest = cipher.final();
  const length = nonceBytes + text.length + rest.length + tagBytes;
  if (length > recordBytesMax) throw new RangeError(`a part of a backup has more than ${recordBytesMax} bytes`);
  return Buffer.concat([number(length), nonce, text, rest, cipher.getAuthTag()]);
}

/**
 * The file's frame, without any key. One that is cut off is read as far as it goes.
 * @throws UserError where it is no backup, or of a later version
 */
export function parseFile(name: string, file: Buffer): SealedFile {
  const start = magic.length + 4;
  const isOurs = file.length >= start && file.subarray(0, magic.length).equals(magic);
  const headerLength = isOurs ? file.readUInt32BE(magic.length) : 0;
  if (!isOurs || headerLength > headerBytesMax || file.length < start + headerLength) {
    throw new UserError(name, "is no backup that warren has written");
  }
  const header = readHeader(name, file.toString("utf8", start, start + headerLength));
  const records: Buffer[] = [];
  let at = start + headerLength;
  while (file.length - at >= 4) {
    const length = file.readUInt32BE(at);
    if (length < nonceBytes + tagBytes || length > file.length - at - 4) break;
    records.push(file.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  const binding = createHash("sha256")
    .update(file.subarray(0, start + headerLength))
    .digest();
  return { name, header, records, tornBytes: file.length - at, binding };
}

function readHeader(name: string, text: string): Header {
  let version: number | undefined;
  try {
    const value = JSON.parse(text) as { version?: number };
    version = value.version;
    if (version === formatVersion) return headerSchema.parse(value);
  } catch (cause) {
    throw new UserError(name, "is a backup whose header is damaged", "take another one", { cause });
  }
  throw new UserError(
    name,
    `is a backup of version ${version}, this warren reads version ${formatVersion}`,
    "use the warren that wrote it",
  );
}

/** @throws Error where the record isn't there, or is not what was written at this place of this file */
export async function openRecord({ records, binding }: SealedFile, keys: Keys, index: number): Promise<Buffer> {
  const record = records[index];
  if (!record) throw new Error("is missing: the file is cut off");
  const decipher = createDecipheriv("aes-256-gcm", keys.records, record.subarray(0, nonceBytes));
  decipher.setAAD(Buffer.concat([binding, number(index)])).setAuthTag(record.subarray(-tagBytes));
  const text = decipher.update(record.subarray(nonceBytes, -tagBytes));
  try {
    return await decompress(Buffer.concat([text, decipher.final()]));
  } catch (cause) {
    throw new Error("is damaged", { cause });
  }
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

async function keysOf(passphrase: string, { salt, N, r, p }: Header["scrypt"]): Promise<Keys> {
  const options = { N, r, p, maxmem: 256 * N * r };
  const bytes = await derive(passphrase.trim(), Buffer.from(salt, "base64"), 2 * keyBytes, options);
  return { records: bytes.subarray(0, keyBytes), fingerprints: bytes.subarray(keyBytes) };
}

const checkOf = (keys: Keys): string => fingerprint(keys, "check", "");
