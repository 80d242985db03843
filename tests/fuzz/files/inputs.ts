import { chownSync, lchownSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { replayCommand } from "../report.ts";
import { draw, indicesOf, isValidTurn } from "../seeds.ts";
import type { FuzzOptions } from "../subject.ts";
import { hostileEntry, nameOf } from "./entries.ts";
import { type Made, makeEntry, type Surroundings } from "./make-entry.ts";

/** One input as it was made. */
export interface Input {
  readonly index: number;
  readonly what: string;
  readonly isValid: boolean;
  /** Below the root, with replacement characters where it is not UTF-8. */
  readonly path: string;
  readonly name: Buffer;
  readonly content: Buffer;
  readonly made: Made;
}

export interface InputRules {
  readonly subject: string;
  readonly root: string;
  readonly folders: readonly string[];
  readonly around: Surroundings;
  /** Of a valid file. */
  validName(index: number): string;
}

const inputsPerTurn = 20;

/** Makes all inputs of a run, one after the other; the agent reads meanwhile. */
export async function makeInputs(rules: InputRules, options: FuzzOptions): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const index of indicesOf(options)) {
    inputs.push(isValidTurn(index) ? putValid(rules, index) : putHostile(rules, options.seed, index));
    if (inputs.length % inputsPerTurn !== 0) continue;
    options.progress(inputs.length);
    options.signal.throwIfAborted();
    await turn();
  }
  return inputs;
}

/** As whoever puts files there: written under a name with a dot, then renamed. */
export function putValid({ root, folders, validName, around: { owner } }: InputRules, index: number): Input {
  const folder = folders[index % folders.length] ?? "";
  const name = validName(index);
  const content = Buffer.from(`valid ${index} `.repeat(20 + (index % 50)));
  const at = join(root, folder, `.${name}`);
  writeFileSync(at, content);
  chownSync(at, owner.uid, owner.gid);
  renameSync(at, join(root, folder, name));
  const path = `${folder}/${name}`;
  return { index, what: "valid", isValid: true, path, name: Buffer.from(name), content, made: "file" };
}

function putHostile({ root, folders, around }: InputRules, seed: number, index: number): Input {
  const { pieces, ...drawn } = draw(hostileEntry(folders.length), seed, index);
  const name = nameOf(pieces, index);
  const entry = { ...drawn, name };
  const folder = folders[entry.folder] ?? "";
  const content = Buffer.alloc(entry.sizeBytes, `input ${index} `);
  const what = `${entry.kind} ${JSON.stringify(name.toString())}`;
  const input = { index, what, isValid: false, path: `${folder}/${name}`, name, content };
  try {
    const made = makeEntry(join(root, folder), entry, content, around);
    own(Buffer.concat([Buffer.from(`${join(root, folder)}/`), name]), around.owner);
    return { ...input, made };
  } catch (error) {
    // Two inputs of one name, or the agent has taken it away meanwhile: as it is then.
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["EEXIST", "ENOENT", "EISDIR", "ENOTDIR", "ENOTEMPTY", "EACCES", "ELOOP"].includes(code)) throw error;
    return { ...input, made: "changing" };
  }
}

function own(path: Buffer, { uid, gid }: Surroundings["owner"]): void {
  try {
    lchownSync(path, uid, gid);
    for (const name of readdirSync(path, { encoding: "buffer" })) {
      lchownSync(Buffer.concat([path, Buffer.from("/"), name]), uid, gid);
    }
  } catch {
    // Gone by now, or no folder.
  }
}

/** For findings. */
export const describe = (subject: string, seed: number, { index, what }: Input): string =>
  `${what}; ${replayCommand(subject, seed, index)}`;
