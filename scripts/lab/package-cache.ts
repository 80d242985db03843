import { copyFile, link, mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { type Disk, packagesDirectory } from "./paths.ts";

/**
 * Packages that earlier labs downloaded, so that each host does not fetch them again. Each host gets
 * them as hard links in its own apt archive, before its disk is mounted. It plays the part of a site's mirror.
 */
export async function linkPackages(release: string, disk: Disk): Promise<void> {
  const packages = packagesDirectory(release);
  const names = (await readdir(packages).catch(() => [])).filter((name) => name.endsWith(".deb"));
  const archives = archivesOf(disk);
  await mkdir(archives, { recursive: true, mode: 0o755 });
  await Promise.all(names.map((name) => share(join(packages, name), join(archives, name))));
}

/** Keeps the packages that a host has downloaded. */
export async function keepPackages(release: string, disk: Disk): Promise<void> {
  const packages = packagesDirectory(release);
  const archives = archivesOf(disk);
  const names = (await readdir(archives).catch(() => [])).filter((name) => name.endsWith(".deb"));
  await mkdir(packages, { recursive: true });
  await Promise.all(names.map((name) => share(join(archives, name), join(packages, name))));
}

/** In the upper layer of the disk: through the mount, a hard link to another file system is impossible. */
const archivesOf = (disk: Disk): string => join(disk.upper, "var/cache/apt/archives");

/** A hard link, or a copy for a disk with its own file system. */
async function share(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EXDEV") await copyFile(from, `${to}.new`).then(() => rename(`${to}.new`, to));
    // There already, or on its way out: both leave the cache as good as before.
    else if (code !== "EEXIST" && code !== "ENOENT") throw error;
  }
}
