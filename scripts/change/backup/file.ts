import { createHash, createHmac, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileFault, UserError } from "../../../agents/lib/errors.ts";
import { committedStacks } from "../../engine/stack.ts";
import { writeFileAtomic } from "../../lib/files.ts";
import { type Entries, magic, readStart, seal, unseal } from "./container.ts";
import { formerMagic, openFormer } from "./former-container.ts";
import {
  fingerprintKeyName,
  type Manifest,
  manifestName,
  manifestSchema,
  type Part,
  type PartEntry,
  partFile,
  partKinds,
  partName,
  sha256,
} from "./manifest.ts";

/** The part of a manifest that is not derived from the file's contents. */
export type Facts = Omit<Manifest, "createdAt" | "parts" | "fingerprints" | "stack">;

export interface BackupContent {
  readonly stack: string;
  readonly createdAt: string;
  readonly facts: Facts;
  readonly parts: readonly Part[];
  /** By path in the config. The file contains only their fingerprints. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Encrypts a backup and writes it atomically, readable only by its owner. @returns its manifest and size */
export async function writeBackup(
  file: string,
  { stack, createdAt, facts, parts, secrets }: BackupContent,
  passphrase: string,
): Promise<{ manifest: Manifest; bytes: number }> {
  const key = randomBytes(32);
  const manifest: Manifest = {
    ...facts,
    stack,
    createdAt,
    parts: parts.map(({ entry }) => entry),
    fingerprints: fingerprintsOf(key, secrets),
  };
  const contents = partKinds.flatMap((kind) =>
    parts.filter(({ entry }) => entry.kind === kind).map(({ entry, content }) => [partFile(entry), content] as const),
  );
  const text = Buffer.from(JSON.stringify(manifest, undefined, 2));
  const sealed = seal([[manifestName, text], [fingerprintKeyName, key], ...contents], createdAt, passphrase);
  await writeFileAtomic(file, await sealed, 0o600);
  return { manifest, bytes: (await stat(file)).size };
}

/** A backup whose manifest has been read. */
export interface OpenBackup {
  readonly file: string;
  /** Of the complete file; identifies the backup. */
  readonly sha256: string;
  readonly manifest: Manifest;
  readonly bytes: number;
  fingerprints(secrets: Readonly<Record<string, string>>): Record<string, string>;
  /** @returns undefined if the backup has no such part @throws UserError if the part is damaged */
  read(kind: PartEntry["kind"], of: string): Promise<Buffer | undefined>;
  /** Reads every part and checks its sha256. @returns the fault of each part, undefined for an intact one; a truncated file adds one entry */
  verify(): Promise<readonly { readonly name: string; readonly fault: string | undefined }[]>;
}

/**
 * @param passphraseOf gives the passphrase of a stack
 * @throws UserError if the file can't be read, is not a backup, or has another passphrase
 */
export async function openBackup(file: string, passphraseOf: (stack: string) => Promise<string>): Promise<OpenBackup> {
  const { bytes, digest } = await readAll(file);
  const entries = await openEntries(file, passphraseOf);
  if (entries === undefined) {
    const remedy = "give the passphrase that the stack had at that time: --passphrase-file FILE";
    throw new UserError(file, "was encrypted with another passphrase", remedy);
  }
  const { manifest, key } = await readManifest(file, entries);
  return {
    file,
    sha256: digest,
    manifest,
    bytes,
    fingerprints: (secrets) => fingerprintsOf(key, secrets),
    async read(kind, of) {
      const part = manifest.parts.find((each) => each.kind === kind && each.of === of);
      if (part === undefined) return undefined;
      const name = partFile(part);
      let [fault, cause]: [string, unknown] = [damaged, undefined];
      try {
        for await (const [each, content] of entries((wanted) => wanted === name)) {
          if (each !== name) continue;
          if (sha256(content) === part.sha256) return content;
          fault = notAsListed;
        }
      } catch (error) {
        cause = error;
      }
      throw new UserError(`${file}: ${partName(part)}`, fault, "use another backup", { cause });
    },
    async verify() {
      const digests = new Map<string, string>();
      const end: { name: string; fault: string }[] = [];
      try {
        for await (const [name, content] of entries(() => true)) digests.set(name, sha256(content));
      } catch {
        end.push({ name: "the file's end", fault: "can't be read: the file is damaged or truncated" });
      }
      const parts = manifest.parts.map((part) => {
        const digest = digests.get(partFile(part));
        const fault = digest === undefined ? damaged : digest === part.sha256 ? undefined : notAsListed;
        return { name: partName(part), fault };
      });
      return [...parts, ...end];
    },
  };
}

/** In age's format, damage makes every part after it unreadable. */
const damaged = "is damaged, or comes after damage in the file";
const notAsListed = "does not match the manifest";

async function readAll(file: string): Promise<{ bytes: number; digest: string }> {
  try {
    const hash = createHash("sha256");
    await pipeline(createReadStream(file), hash);
    return { bytes: (await stat(file)).size, digest: hash.digest("hex") };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new UserError(file, "does not exist");
    throw fileFault(error) ?? error;
  }
}

async function openEntries(
  file: string,
  passphraseOf: (stack: string) => Promise<string>,
): Promise<Entries | undefined> {
  const start = (await readStart(file, magic.length)).toString("latin1");
  if (start.startsWith(formerMagic)) return openFormer(file, passphraseOf);
  if (start !== magic) throw new UserError(file, "is not a backup written by warren");
  return unseal(file, await passphrases(file, passphraseOf));
}

/** Of all stacks that have one, beginning with the stack that the file is named after. @throws UserError if no stack has one */
async function passphrases(file: string, passphraseOf: (stack: string) => Promise<string>): Promise<string[]> {
  const isNamed = (stack: string) => Number(basename(file).startsWith(stack));
  const stacks = committedStacks().toSorted((a, b) => isNamed(b) - isNamed(a));
  const asked = await Promise.allSettled(stacks.map(passphraseOf));
  const found = asked.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const [refusal] = asked.filter((each) => each.status === "rejected");
  if (found.length === 0) throw refusal?.reason;
  return [...new Set(found)];
}

async function readManifest(file: string, entries: Entries): Promise<{ manifest: Manifest; key: Buffer }> {
  try {
    const found = new Map<string, Buffer>();
    for await (const [name, content] of entries(() => false)) {
      found.set(name, content);
      if (found.size === 2) break;
    }
    const [manifest, key] = [found.get(manifestName), found.get(fingerprintKeyName)];
    if (!manifest || !key) throw new Error("it does not start with a manifest");
    return { manifest: manifestSchema.parse(JSON.parse(manifest.toString("utf8"))), key };
  } catch (cause) {
    throw new UserError(file, "is a backup with a damaged manifest", "use another backup", { cause });
  }
}

/** Fingerprint of a secret: HMAC-SHA256 over `path NUL value`, the first 8 bytes in hex. */
const fingerprintsOf = (key: Buffer, secrets: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(secrets).map(([path, value]) => {
      const mac = createHmac("sha256", key).update(`${path}\0${value}`).digest("hex");
      return [path, mac.slice(0, 16)];
    }),
  );
