import { readFile } from "node:fs/promises";
import { fileFault, UserError } from "../../../agents/lib/errors.ts";
import { writeWhole } from "../../lib/files.ts";
import {
  fingerprint,
  type Keys,
  newHeader,
  openKeys,
  openRecord,
  parseFile,
  type SealedFile,
  seal,
} from "./container.ts";
import { type Manifest, manifestSchema, type Part, type PartEntry, partName, sha256 } from "./manifest.ts";

/** What a manifest says beside what the file itself says. */
export type Facts = Omit<Manifest, "createdAt" | "parts" | "fingerprints" | "stack">;

export interface BackupContent {
  readonly stack: string;
  readonly createdAt: string;
  readonly facts: Facts;
  readonly parts: readonly Part[];
  /** By path in the config. They stay here: the file has their fingerprints. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Encrypts a backup and brings it to disk, whole or not at all, readable by its owner alone. @returns its manifest and size */
export async function writeBackup(
  file: string,
  { stack, createdAt, facts, parts, secrets }: BackupContent,
  passphrase: string,
): Promise<{ manifest: Manifest; bytes: number }> {
  const [header, keys] = await newHeader(stack, createdAt, passphrase);
  const manifest: Manifest = {
    ...facts,
    ...{ stack, createdAt },
    parts: parts.map(({ entry }) => entry),
    fingerprints: fingerprintsOf(keys, secrets),
  };
  const contents = [Buffer.from(JSON.stringify(manifest)), ...parts.map(({ content }) => content)];
  const sealed = await seal(header, keys, contents);
  await writeWhole(file, sealed, 0o600);
  return { manifest, bytes: sealed.length };
}

/** A backup whose manifest has been read. */
export interface OpenBackup {
  readonly file: string;
  /** Of the whole file: which backup this is. */
  readonly sha256: string;
  readonly manifest: Manifest;
  readonly bytes: number;
  fingerprints(secrets: Readonly<Record<string, string>>): Record<string, string>;
  /** @throws UserError where the part is damaged; undefined where the backup has none */
  read(kind: PartEntry["kind"], of: string): Promise<Buffer | undefined>;
  /** Every part read and held to its sha256. @returns what is wrong with each, undefined where nothing is; a file's torn end is one more */
  verify(): Promise<readonly { readonly name: string; readonly fault: string | undefined }[]>;
}

/**
 * @param passphraseOf gives the passphrase of a stack, which the file's header names
 * @throws UserError where the file can't be read, is no backup, or has another passphrase
 */
export async function openBackup(file: string, passphraseOf: (stack: string) => Promise<string>): Promise<OpenBackup> {
  const bytes = await readBytes(file);
  const sealed = parseFile(file, bytes);
  const keys = await openKeys(sealed, await passphraseOf(sealed.header.stack));
  const manifest = await readManifest(sealed, keys);
  const readPart = async (index: number): Promise<Buffer> => {
    const content = await openRecord(sealed, keys, index + 1);
    if (sha256(content) !== manifest.parts[index]?.sha256) throw new Error("is not what the manifest says");
    return content;
  };
  return {
    file,
    sha256: sha256(bytes),
    manifest,
    bytes: bytes.length,
    fingerprints: (secrets) => fingerprintsOf(keys, secrets),
    async read(kind, of) {
      const index = manifest.parts.findIndex((part) => part.kind === kind && part.of === of);
      if (index < 0) return undefined;
      try {
        return await readPart(index);
      } catch (error) {
        throw new UserError(`${file}: ${partName({ kind, of })}`, (error as Error).message, "take another backup", {
          cause: error,
        });
      }
    },
    async verify() {
      const found = await Promise.all(
        manifest.parts.map(async (part, index) => {
          const fault = await readPart(index).then(
            () => undefined,
            (error: Error) => error.message,
          );
          return { name: partName(part), fault };
        }),
      );
      const torn =
        sealed.tornBytes > 0 ? [{ name: "the file's end", fault: `${sealed.tornBytes} bytes are no record` }] : [];
      return [...found, ...torn];
    },
  };
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new UserError(file, "is not there");
    throw fileFault(error) ?? error;
  }
}

async function readManifest(sealed: SealedFile, keys: Keys): Promise<Manifest> {
  try {
    return manifestSchema.parse(JSON.parse((await openRecord(sealed, keys, 0)).toString("utf8")));
  } catch (cause) {
    throw new UserError(sealed.name, "is a backup whose manifest is damaged", "take another one", { cause });
  }
}

const fingerprintsOf = (keys: Keys, secrets: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(secrets).map(([path, value]) => [path, fingerprint(keys, path, value)]));
