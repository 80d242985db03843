import { randomBytes } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { type FileContent, writeAtomic as writeFileWhole } from "../../agents/lib/atomic-file.ts";
import { fileFault } from "../../agents/lib/errors.ts";

/**
 * Writes a file as `writeAtomic` of agents does, synced. Creates its folder if it is missing. Safe with several runs at once.
 *
 * @throws UserError where permissions, mounts or a full disk prevent it
 */
export async function writeFileAtomic(file: string, content: FileContent, mode = 0o644): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFileWhole(file, content, { mode, temporary: temporaryName(file) });
  } catch (error) {
    // The error of a write names no file.
    throw fileFault(Object.assign(error as Error, { path: file })) ?? error;
  }
}

/** A name beside `place` that carries the process number and can't be mistaken for `place`. */
export function temporaryName(place: string): string {
  return path.join(
    path.dirname(place),
    `.${path.basename(place)}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`,
  );
}

/** Whether a file's name is one of `temporaryName`. */
export const isTemporary = (name: string): boolean => /^\..+\.\d+\.[0-9a-f]{8}\.tmp$/.test(name);

/** A younger file may be one that a running process is writing, or about to start. */
export const maybeInUseMs = 3_600_000;

/** Milliseconds since this file, folder or link, not what it leads to, was changed. */
export async function ageMs(place: string): Promise<number> {
  return Date.now() - (await lstat(place)).mtimeMs;
}

/**
 * Makes a file or folder completely or not at all: `make` fills a temporary name in the same folder, which is then renamed to
 * `place`. First removes what a killed run left there, so call it under a lock.
 */
export async function makeComplete(place: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const folder = path.dirname(place);
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    if (name.startsWith(`.${path.basename(place)}.`))
      await rm(path.join(folder, name), { recursive: true, force: true });
  }
  const temporary = temporaryName(place);
  try {
    await make(temporary);
    await rm(place, { recursive: true, force: true });
    await rename(temporary, place);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

export async function exists(place: string): Promise<boolean> {
  return stat(place).then(
    () => true,
    () => false,
  );
}

/** Shared by all checkouts of one user: engines, downloads, disks of labs. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return path.join(environment.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "warren");
}

/**
 * The folder of this name in the user's cache, made once: `make` fills a folder with another name, and may put files beside it. If two processes
 * race, the second uses the first one's.
 */
export async function cachedFolder(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const place = path.join(cacheFolder(), name);
  if (await exists(place)) return place;
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(path.join(cacheFolder(), `.${name}-`));
  const made = path.join(work, "made");
  try {
    await mkdir(made);
    await make(made);
    await rename(made, place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return place;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
