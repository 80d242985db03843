import { lstatSync, readdirSync, type Stats } from "node:fs";
import { lstat, readdir, realpath, rm } from "node:fs/promises";
import path from "node:path";
import { mountsBelow } from "../lab/mounts.ts";

/**
 * Names in a folder at or below `root`, sorted. None where it does not exist, or where it, or a folder between it and `root`, is
 * a link: what a link leads to is not warren's.
 */
export async function namesIn(root: string, folder: string): Promise<string[]> {
  if (!(await isInside(root, folder))) return [];
  return (await readdir(folder).catch(ifGone([]))).toSorted();
}

/**
 * Removes a file, a link or a complete folder below `root`; a link's target stays. Does nothing where it is gone already.
 *
 * @returns false, and removes nothing, where a link or a mount would lead out of `root`
 */
export async function removeBelow(root: string, place: string): Promise<boolean> {
  if (place === root || !(await isInside(root, path.dirname(place)))) return false;
  if (await hasMounts(place)) return false;
  await rm(place, { recursive: true, force: true });
  return true;
}

/** Whether something is mounted at this path or below it. */
export async function hasMounts(place: string): Promise<boolean> {
  const folder = await realpath(path.dirname(place)).catch(ifGone(path.dirname(place)));
  return (await mountsBelow(path.join(folder, path.basename(place)))).length > 0;
}

/**
 * Bytes on disk, with everything below a folder on the same file system. Links are not followed.
 *
 * @param seen what was counted before: a file with two names counts once
 */
export function diskUsage(place: string, seen: Set<string>, device?: number): number {
  const found = lstatSync(place, { throwIfNoEntry: false });
  if (found === undefined || (device !== undefined && found.dev !== device)) return 0;
  const identity = `${found.dev}:${found.ino}`;
  const own = seen.has(identity) ? 0 : bytesOf(found);
  seen.add(identity);
  if (!found.isDirectory()) return own;
  let total = own;
  for (const name of namesNow(place)) total += diskUsage(path.join(place, name), seen, found.dev);
  return total;
}

/** `blocks` has units of 512 bytes on every file system. */
const bytesOf = ({ blocks }: Stats): number => blocks * 512;

function namesNow(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    return ifGone([])(error as NodeJS.ErrnoException);
  }
}

async function isInside(root: string, folder: string): Promise<boolean> {
  const below = path.relative(root, folder);
  if (below === ".." || below.startsWith(`..${path.sep}`) || path.isAbsolute(below)) return false;
  let place = root;
  for (const name of below.split(path.sep).filter(Boolean)) {
    place = path.join(place, name);
    const found = await lstat(place).catch(ifGone(undefined));
    if (!found?.isDirectory()) return false;
  }
  return true;
}

/** Another run may remove things meanwhile. Any other error is thrown. */
function ifGone<Value>(value: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return value;
    throw error;
  };
}
