import { chownSync, lchownSync, readdirSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { draw, indicesOf, isValidIndex } from "../seeds.ts";
import type { FuzzOptions } from "../subject.ts";
import { oddPieces, weighted } from "../values/texts.ts";
import { changing, files, never, type Place } from "./kinds.ts";
import type { Surroundings } from "./surroundings.ts";

/** An input that was made. */
export interface Input {
  readonly index: number;
  readonly what: string;
  readonly isValid: boolean;
  /** Relative to the root, with replacement characters for bytes that are not UTF-8. */
  readonly path: string;
  readonly name: string;
  readonly content: Buffer;
  /** `file`: it is a file and doesn't change. `changing`: an agent may see several states. `never`: it must not be read. */
  readonly made: "file" | "changing" | "never";
}

export interface Folders {
  readonly root: string;
  /** Relative to `root`. */
  readonly folders: readonly string[];
  readonly around: Surroundings;
}

const inputsPerTurn = 20;
const nameBytesMax = 255;
/** Enough for the input's number, which makes its content unique. */
const contentBytesMin = 32;

const piece = weighted<Buffer>(
  [4, fc.stringMatching(/^[a-zA-Z0-9_.:~-]{1,12}$/).map((text) => Buffer.from(text))],
  [3, fc.constantFrom(...oddPieces).map((text) => Buffer.from(text))],
  [2, fc.integer({ min: 1, max: 0x1f }).map((code) => Buffer.from([code]))],
  [1, fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes))],
  [1, fc.constantFrom("a", "é", "%", " ", "\u0001").map((sign) => Buffer.from(sign.repeat(nameBytesMax)))],
);

/** Before 1970, at the limits of 32 bits, and in years of more than four digits. */
const times = [-62_135_596_800, -1, 0, 1, 2 ** 31, 2 ** 32, 6.3e9, 2.5e11, 9.5e12];
const kinds = { ...files, ...changing, ...never };
const hostile = fc.record({
  pieces: fc.array(piece, { minLength: 1, maxLength: 4 }),
  kind: fc.constantFrom("file", "file", "file", ...Object.keys(kinds)),
  sizeBytes: fc.oneof(fc.integer({ min: contentBytesMin, max: 3000 }), fc.constantFrom(65_536, 65_537, 200_000)),
  modifiedSeconds: fc.option(fc.constantFrom(...times), { nil: undefined, freq: 4 }),
  folderAt: fc.nat(1000),
});

/** A valid file name with the input's number in it, so that it is almost always unique. */
function nameOf([first = Buffer.alloc(0), ...rest]: readonly Buffer[], index: number): Buffer {
  const number = Buffer.from(`${index}`);
  const joined = Buffer.concat([first.subarray(0, nameBytesMax - number.length), number, ...rest]);
  return Buffer.from(joined.filter((byte) => byte !== 0 && byte !== 0x2f)).subarray(0, nameBytesMax);
}

/** Makes all inputs of a run, one after the other, and a last valid one, while the agent reads. */
export async function makeInputs(into: Folders, options: FuzzOptions): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const index of indicesOf(options)) {
    inputs.push(isValidIndex(index) ? putValid(into, index) : putHostile(into, options.seed, index));
    if (inputs.length % inputsPerTurn !== 0) continue;
    options.progress(inputs.length);
    options.signal.throwIfAborted();
    await turn();
  }
  inputs.push(putValid(into, options.count * 50));
  return inputs;
}

/** Makes a file as producers do: written under a name with a dot, then renamed. */
function putValid({ root, folders, around: { owner } }: Folders, index: number): Input {
  const folder = folders[index % folders.length] ?? "";
  const name = `valid-${index}:URP:XSS:RADAR:GIF::20130606144709`;
  const content = Buffer.from(`valid ${index} `.repeat(20 + (index % 50)));
  const at = join(root, folder, `.${name}`);
  writeFileSync(at, content);
  chownSync(at, owner.uid, owner.gid);
  renameSync(at, join(root, folder, name));
  return { index, what: "valid", isValid: true, path: `${folder}/${name}`, name, content, made: "file" };
}

function putHostile({ root, folders, around }: Folders, seed: number, index: number): Input {
  const { pieces, kind, sizeBytes, modifiedSeconds, folderAt } = draw(hostile, seed, index);
  const bytes = nameOf(pieces, index);
  const name = bytes.toString();
  const below = folders[folderAt % folders.length] ?? "";
  const folder = join(root, below);
  const place: Place = {
    folder,
    path: Buffer.concat([Buffer.from(`${folder}/`), bytes]),
    content: Buffer.alloc(sizeBytes, `input ${index} `),
    around,
  };
  const what = `${kind} ${JSON.stringify(name)}`;
  const input = { index, what, isValid: false, path: `${below}/${name}`, name, content: place.content };
  try {
    kinds[kind]?.(place);
    if (kind === "file" && modifiedSeconds !== undefined) setTime(place.path, modifiedSeconds);
    own(place);
    return { ...input, made: kind in files ? "file" : kind in never ? "never" : "changing" };
  } catch (error) {
    // Another input has the same name, or the agent has already removed this one.
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["EEXIST", "ENOENT", "EISDIR", "ENOTDIR", "ENOTEMPTY", "EACCES", "ELOOP"].includes(code)) throw error;
    return { ...input, made: "changing" };
  }
}

/** Node ignores negative numbers, and the range of dates is too small for some of these. */
function setTime(path: Buffer, seconds: number): void {
  const time = seconds < 0 ? new Date(seconds * 1000) : seconds;
  utimesSync(path, time, time);
}

function own({ path, around: { owner } }: Place): void {
  try {
    lchownSync(path, owner.uid, owner.gid);
    for (const name of readdirSync(path, { encoding: "buffer" })) {
      lchownSync(Buffer.concat([path, Buffer.from("/"), name]), owner.uid, owner.gid);
    }
  } catch {
    // Already gone, or not a folder.
  }
}
