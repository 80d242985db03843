import { chmod, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { pause } from "../lib/poll.ts";
import { makeContent } from "./content.ts";
import type { ProductCopy, ProductPlan } from "./plan.ts";
import type { Samples } from "./samples.ts";

/** A complete copy in a db tree. */
export interface WrittenCopy {
  readonly urp: string;
  readonly file: string;
  /** The kernel's change time of the complete file: its last write, or the rename. Milliseconds since 1970. */
  readonly closedMs: number;
}

export interface WriterOptions {
  /** The db tree of each URP, e.g. `{"urp-1": "/apps/px/db"}`. Must exist; folders below are created on demand. */
  readonly roots: Readonly<Record<string, string>>;
  readonly samples: Samples;
  readonly signal?: AbortSignal;
  readonly onWritten?: (written: WrittenCopy) => void;
}

const fileMode = 0o644;
const folderMode = 0o755;
/** In-place files are written in chunks of this size, so that a reader that does not wait for the close sees an incomplete product. */
const pieceBytes = 65_536;

/**
 * Writes a plan into the db trees, each copy at its own time after the call, so that a slow write delays no other.
 * Like the real radar software it does not fsync. Rejects with the first failure, after the writes
 * in progress have ended; an aborted `signal` stops it early and returns what was written.
 */
export async function writeProducts(plan: ProductPlan, options: WriterOptions): Promise<WrittenCopy[]> {
  const copies = plan.products.flatMap((product) => product.copies).sort((one, other) => one.atMs - other.atMs);
  const written: WrittenCopy[] = [];
  const underWay = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const startMs = performance.now();

  for (const copy of copies) {
    const waitMs = startMs + copy.atMs - performance.now();
    if (waitMs > 0) await pause(waitMs, options.signal);
    if (options.signal?.aborted || failure) break;
    const write = writeCopy(copy, options)
      .then((done) => {
        written.push(done);
        options.onWritten?.(done);
      })
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => underWay.delete(write));
    underWay.add(write);
  }
  await Promise.all(underWay);
  await removeStaging(options.roots);
  if (failure) throw asUserError(failure.error);
  return written;
}

/** The folder in which files to be renamed are written first: beside the tree, so that its watchers don't see them. */
function stagingOf(root: string): string {
  return `${root}.incoming`;
}

export async function removeStaging(roots: WriterOptions["roots"]): Promise<void> {
  await Promise.all(Object.values(roots).map((root) => rm(stagingOf(root), { recursive: true, force: true })));
}

/** Writes one copy now, in the way of its plan. Rejects if it can't. */
export async function writeCopy(
  copy: Omit<ProductCopy, "sha256" | "atMs">,
  { roots, samples }: Pick<WriterOptions, "roots" | "samples">,
): Promise<WrittenCopy> {
  const root = roots[copy.urp];
  if (root === undefined) throw new Error(`no db tree given for ${copy.urp}`);
  const content = await bytesOf(copy.content, samples);
  const target = join(root, copy.path);
  await makeFolder(dirname(target));
  if (copy.renamed) {
    const staged = join(stagingOf(root), basename(target));
    await makeFolder(dirname(staged));
    await writeFileInPieces(staged, content);
    await rename(staged, target);
  } else {
    await writeFileInPieces(target, content);
  }
  return { urp: copy.urp, file: copy.file, closedMs: (await stat(target)).ctimeMs };
}

async function bytesOf(content: ProductCopy["content"], samples: Samples): Promise<Buffer> {
  if ("bytes" in content) return content.bytes;
  return "recipe" in content ? makeContent(content.recipe, samples) : readFile(content.ownFile);
}

/** Makes folders and files readable for the web server and the announcer, whatever this process's umask is. */
async function makeFolder(path: string): Promise<void> {
  const firstMade = await mkdir(path, { recursive: true });
  if (firstMade === undefined) return;
  for (let made = path; made.length >= firstMade.length; made = dirname(made)) await chmod(made, folderMode);
}

async function writeFileInPieces(path: string, content: Buffer): Promise<void> {
  // "wx": a run never touches an existing file.
  const file = await open(path, "wx");
  try {
    await file.chmod(fileMode);
    for (let offset = 0; offset < content.length; offset += pieceBytes) {
      await file.writeFile(content.subarray(offset, offset + pieceBytes));
    }
  } finally {
    await file.close();
  }
}

/** Turns a disk error that the user can fix into a UserError; returns other errors unchanged. */
export function asUserError(error: unknown): unknown {
  if (!(error instanceof Error && "code" in error && "path" in error)) return error;
  const remedies: Record<string, string> = {
    ENOSPC: "free some space on its file system",
    EACCES: "run as a user with write permission there",
    EEXIST: "it was sent before; remove it, or send the file under another name",
  };
  const remedy = remedies[String(error.code)];
  return remedy
    ? new UserError(String(error.path), `can't be written: ${error.message}`, remedy, { cause: error })
    : error;
}
