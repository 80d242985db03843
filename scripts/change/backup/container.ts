import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { CompressionStream, DecompressionStream } from "node:stream/web";
import { Decrypter, Encrypter } from "age-encryption";
import { createTarDecoder, createTarPacker } from "modern-tar";
import { UserError } from "../../../agents/lib/errors.ts";
import { fingerprintKeyName, manifestName } from "./manifest.ts";

/**
 * A backup is a tar archive, compressed by gzip and encrypted by age with a passphrase (trimmed of white space):
 *
 *   age --decrypt FILE | tar --extract --gzip
 *
 * The first entry is `manifest.json`, the second `fingerprints.key`: 32 random bytes, the key of the manifest's fingerprints. The manifest's parts follow,
 * small ones first. age encrypts in chunks of 64 KiB, each bound to its position: nothing after a damaged chunk can be read.
 */
export const magic = "age-encryption.org/";
/** age's header for a passphrase has about 150 bytes. */
const headerBytesMax = 4096;
/** 2^17: 128 MiB and about a second, as OWASP recommends for passphrases. */
const scryptWorkFactor = 17;

/**
 * Reads a backup from its beginning. Each call yields the manifest, the key of fingerprints, and the parts with the wanted names, in the file's order. The
 * generator throws if the file is damaged.
 */
export type Entries = (
  isWanted: (name: string) => boolean,
) => AsyncGenerator<[name: string, content: Buffer], void, undefined>;

/** @param contents by name; the manifest and the key of fingerprints are the first two */
export async function seal(
  contents: readonly (readonly [name: string, content: Buffer])[],
  createdAt: string,
  passphrase: string,
): Promise<AsyncIterable<Uint8Array>> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase.trim());
  encrypter.setScryptWorkFactor(scryptWorkFactor);
  const { readable, controller } = createTarPacker();
  const pack = async () => {
    for (const [name, content] of contents) {
      const header = { name, size: content.length, mode: 0o600, mtime: new Date(createdAt) };
      const writer = controller.add(header).getWriter();
      await writer.write(content);
      await writer.close();
    }
    controller.finalize();
  };
  void pack().catch((error) => controller.error(error));
  return encrypter.encrypt(readable.pipeThrough(asPair(new CompressionStream("gzip"))));
}

/**
 * @param passphrases tried one after the other, because the file doesn't name its stack
 * @returns undefined if none of them fits
 * @throws UserError if the header is damaged
 */
export async function unseal(file: string, passphrases: readonly string[]): Promise<Entries | undefined> {
  const decrypter = new Decrypter();
  for (const passphrase of passphrases) decrypter.addPassphrase(passphrase.trim());
  try {
    const fileKey = await decrypter.decryptHeader(await readHeader(file));
    return (isWanted) => entriesOf(file, fileKey, isWanted);
  } catch (cause) {
    if ((cause as Error).message.startsWith("no identity matched")) return undefined;
    throw new UserError(file, "is a backup with a damaged header", "use another backup", { cause });
  }
}

/** The header ends with the line that begins with `---`. */
async function readHeader(file: string): Promise<Uint8Array> {
  const start = await readStart(file, headerBytesMax);
  return start.subarray(0, start.indexOf("\n", start.indexOf("\n---") + 1) + 1);
}

export async function readStart(file: string, bytes: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

type BytesPair = ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>;

/** Node's streams are those of browsers, but their types differ, and packages of the live page bring those of browsers. */
const asPair = (stream: CompressionStream | DecompressionStream): BytesPair => stream as unknown as BytesPair;

async function* entriesOf(file: string, fileKey: Uint8Array, isWanted: (name: string) => boolean): ReturnType<Entries> {
  const decrypter = new Decrypter();
  decrypter.addIdentity({ unwrapFileKey: () => fileKey });
  const archive = await decrypter.decrypt(Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>);
  const entries = archive
    .pipeThrough(asPair(new DecompressionStream("gzip")))
    .pipeThrough(createTarDecoder({ strict: true }));
  for await (const { header, body } of entries) {
    // Unwanted entries are read as well: cancelling a body stalls the decoder.
    const content = await buffer(body);
    if (header.name === manifestName || header.name === fingerprintKeyName || isWanted(header.name))
      yield [header.name, content];
  }
}
