import { type FileHandle, open, stat } from "node:fs/promises";
import { UserError } from "./errors.ts";
import { openFlags } from "./open-file.ts";

/** In bytes. A log line has a few hundred; a longer one is cut and is not one of ours. */
const lineBytesMax = 1024 * 1024;
const lineBreak = 0x0a;

/** How log entries become lines, and lines become entries. */
export interface LineCodec<T> {
  /** Without a line break at its end or within. */
  format(entry: T): string;
  /** Undefined if it is not a line of this log. The beginning of a line must not be a line itself, so that a torn line is recognized. */
  parse(line: string): T | undefined;
}

/** Lines of JSON, arrays or objects. `read` returns undefined for anything that is not of this log. */
export function jsonLines<T>(read: (json: unknown) => T | undefined): LineCodec<T> {
  return {
    format: (entry) => JSON.stringify(entry),
    parse(line) {
      try {
        return read(JSON.parse(line));
      } catch {
        return undefined;
      }
    },
  };
}

/** Where a log keeps its previous content after a rotation. */
export const olderOf = (file: string): string => `${file}.1`;

/** The files of a log at one moment; undefined if one is missing. */
export interface LogFiles {
  readonly older: FileHandle | undefined;
  readonly newer: FileHandle | undefined;
}

/**
 * Entries of a log, FILE.1 before FILE, as both were at one moment; none if they are missing. Works while an agent appends,
 * rotates or rewrites. Memory is bounded.
 *
 * @throws UserError if a link, a folder or a pipe has its name, or it can't be read; otherwise the system's error
 */
export async function* readLineLog<T>(file: string, codec: LineCodec<T>): AsyncGenerator<T> {
  const files = await openFiles(file);
  try {
    yield* entriesOf(olderOf(file), files.older, codec);
    yield* entriesOf(file, files.newer, codec);
  } finally {
    await closeFiles(files);
  }
}

/** Entries of one file of a log. @throws UserError if it can't be read */
export async function* entriesOf<T>(
  file: string,
  handle: FileHandle | undefined,
  codec: LineCodec<T>,
): AsyncGenerator<T> {
  for await (const { text } of linesOf(file, handle)) {
    const entry = codec.parse(text);
    if (entry !== undefined) yield entry;
  }
}

/** @throws as `readLineLog` */
export async function openFiles(file: string): Promise<LogFiles> {
  for (;;) {
    const newer = await openPlain(file);
    const files = { newer, older: await openPlain(olderOf(file)) };
    // Rotated or rewritten between the two calls: they would not match.
    if ((await newer?.stat())?.ino === (await inodeAt(file))) return files;
    await closeFiles(files);
  }
}

export async function closeFiles({ older, newer }: LogFiles): Promise<void> {
  await older?.close();
  await newer?.close();
}

export interface Line {
  readonly text: string;
  /** The offset after its line break, in bytes; undefined without one, as for a torn last line. */
  readonly endsAt: number | undefined;
  /** Bytes of the file that have been read. */
  readonly readBytes: number;
}

/** Lines of an open file that may grow meanwhile. @throws UserError if it can't be read */
export async function* linesOf(file: string, handle: FileHandle | undefined): AsyncGenerator<Line> {
  if (!handle) return;
  let rest: Buffer = Buffer.alloc(0);
  let readBytes = 0;
  for await (const piece of piecesOf(file, handle)) {
    const data = Buffer.concat([rest, piece]);
    readBytes += piece.length;
    let from = 0;
    for (let to = data.indexOf(lineBreak); to !== -1; to = data.indexOf(lineBreak, from)) {
      yield { text: data.toString("utf8", from, to), endsAt: readBytes - data.length + to + 1, readBytes };
      from = to + 1;
    }
    rest = data.subarray(from, from + lineBytesMax);
  }
  if (rest.length > 0) yield { text: rest.toString(), endsAt: undefined, readBytes };
}

async function* piecesOf(file: string, handle: FileHandle): AsyncGenerator<Buffer> {
  try {
    yield* handle.createReadStream({ autoClose: false });
  } catch (cause) {
    const remedy = "check its disk, or move the file away: its agent starts a new one";
    throw new UserError(file, `can't be read: ${(cause as Error).message}`, remedy, { cause });
  }
}

const inodeAt = async (file: string): Promise<number | undefined> =>
  (
    await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    })
  )?.ino;

/** Undefined if it is missing. */
async function openPlain(file: string): Promise<FileHandle | undefined> {
  const handle = await open(file, openFlags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error.code === "ELOOP" ? notPlain(file, error) : error;
  });
  if (!handle || (await handle.stat()).isFile()) return handle;
  await handle.close();
  throw notPlain(file);
}

const notPlain = (file: string, cause?: Error): UserError =>
  new UserError(file, "is not a regular file", "move it away: an agent keeps its journal under this name", { cause });
