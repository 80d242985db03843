import { type FileHandle, open } from "node:fs/promises";
import { UserError } from "./errors.ts";
import { openFlags } from "./open-file.ts";

/** In characters. A line of a journal has some hundred; what is longer is cut, and is no line of ours. */
const lineMax = 1024 * 1024;

/**
 * Lines of a file that may grow meanwhile, in bounded memory; none where it isn't there. The last one may be torn.
 *
 * @throws UserError where a link, a folder or a pipe has its name; else what the system says
 */
export async function* fileLines(file: string): AsyncGenerator<string> {
  const handle = await openPlain(file);
  if (!handle) return;
  let rest = "";
  try {
    for await (const piece of handle.createReadStream({ encoding: "utf8", autoClose: false })) {
      const lines = (rest + piece).split("\n");
      rest = (lines.pop() ?? "").slice(0, lineMax);
      yield* lines;
    }
    yield rest;
  } finally {
    await handle.close();
  }
}

/** A plain file, open for reading; undefined where it isn't there. @throws as `fileLines` */
export async function openPlain(file: string): Promise<FileHandle | undefined> {
  const handle = await open(file, openFlags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error.code === "ELOOP" ? notPlain(file, error) : error;
  });
  if (!handle || (await handle.stat()).isFile()) return handle;
  await handle.close();
  throw notPlain(file);
}

const notPlain = (file: string, cause?: Error): UserError =>
  new UserError(file, "is no plain file", "move it away: an agent keeps its journal under this name", { cause });
