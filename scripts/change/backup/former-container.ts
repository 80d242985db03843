import { createDecipheriv, createHash, createHmac, type ScryptOptions, scrypt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import * as z from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import type { Entries } from "./container.ts";
import { fingerprintKeyName, manifestName, manifestSchema, partFile } from "./manifest.ts";

/**
 * Reads backups in warren's previous format, from before it used age. Such a file is:
 *
 *   8 bytes   `warrenBK`
 *   4 bytes   length of the header, as all numbers big-endian
 *   header    JSON in the clear: version, stack, time, salt and cost of scrypt(3), and `check`, which distinguishes a wrong passphrase from damage
 *   records   4 bytes length of what follows, 12 bytes nonce, gzip encrypted by AES-256-GCM, 16 bytes tag
 *
 * The first record is the manifest, the others are its parts in order. A record is bound to the file and to its position by additional data:
 * sha256 of everything before the records, then its number in 4 bytes. scrypt gives 64 bytes from the passphrase: the key of the records, then the key of
 * fingerprints. `check` is the fingerprint of `check` and an empty value.
 */
export const formerMagic = "warrenBK";
const headerAt = formerMagic.length + 4;
const headerBytesMax = 64 * 1024;
const nonceBytes = 12;
const tagBytes = 16;
const keyBytes = 32;
/** A file that asks for more was not written by warren, and would exhaust this machine's memory. */
const costMax = { N: 2 ** 18, r: 8, p: 4 } as const;

const headerSchema = z.object({
  version: z.literal(1),
  stack: z.string(),
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
type Header = z.infer<typeof headerSchema>;

const decompress = promisify(gunzip);
const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/**
 * @param passphraseOf gives the passphrase of a stack, which the file's header names
 * @returns undefined if the passphrase is wrong
 * @throws UserError if the header is damaged
 */
export async function openFormer(
  file: string,
  passphraseOf: (stack: string) => Promise<string>,
): Promise<Entries | undefined> {
  const bytes = await readFile(file);
  const recordsAt = headerAt + (bytes.length < headerAt ? 0 : bytes.readUInt32BE(formerMagic.length));
  const header = readHeader(file, bytes.subarray(headerAt, recordsAt));
  const { salt, N, r, p } = header.scrypt;
  const passphrase = (await passphraseOf(header.stack)).trim();
  const options = { N, r, p, maxmem: 256 * N * r };
  const keys = await derive(passphrase, Buffer.from(salt, "base64"), 2 * keyBytes, options);
  const [key, fingerprintKey] = [keys.subarray(0, keyBytes), keys.subarray(keyBytes)];
  const check = createHmac("sha256", fingerprintKey).update("check\0").digest("hex").slice(0, 16);
  if (check !== header.check) return undefined;
  return (isWanted) => entriesOf(bytes, recordsAt, key, fingerprintKey, isWanted);
}

function readHeader(file: string, bytes: Buffer): Header {
  try {
    if (bytes.length > headerBytesMax) throw new RangeError("the header is too long");
    return headerSchema.parse(JSON.parse(bytes.toString("utf8")));
  } catch (cause) {
    throw new UserError(file, "is a backup with a damaged header", "use another backup", { cause });
  }
}

/** Skips damaged parts. @throws Error if the manifest is damaged, and at the end if the file is truncated */
async function* entriesOf(
  file: Buffer,
  recordsAt: number,
  key: Buffer,
  fingerprintKey: Buffer,
  isWanted: (name: string) => boolean,
): AsyncGenerator<[name: string, content: Buffer]> {
  const binding = createHash("sha256").update(file.subarray(0, recordsAt)).digest();
  let names: string[] = [];
  let at = recordsAt;
  for (let index = 0; at < file.length; index += 1) {
    const end = at + 4 + file.readUInt32BE(at);
    if (end > file.length) throw new RangeError("the file is truncated");
    const open = () => openRecord(file.subarray(at + 4, end), key, Buffer.concat([binding, number(index)]));
    const name = names[index - 1];
    if (index === 0) {
      const manifest = await open();
      names = manifestSchema.parse(JSON.parse(manifest.toString("utf8"))).parts.map(partFile);
      yield [manifestName, manifest];
      yield [fingerprintKeyName, fingerprintKey];
    } else if (name !== undefined && isWanted(name)) {
      const content = await open().catch(() => undefined);
      if (content) yield [name, content];
    }
    at = end;
  }
}

async function openRecord(record: Buffer, key: Buffer, binding: Buffer): Promise<Buffer> {
  const decipher = createDecipheriv("aes-256-gcm", key, record.subarray(0, nonceBytes));
  decipher.setAAD(binding).setAuthTag(record.subarray(-tagBytes));
  const text = decipher.update(record.subarray(nonceBytes, -tagBytes));
  return decompress(Buffer.concat([text, decipher.final()]));
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
