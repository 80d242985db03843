import { link, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Disk, packagesDirectory } from "./paths.ts";

/**
 * Packages that hosts of earlier labs downloaded, so that nine hosts don't fetch the same ones again. Each host gets
 * them as hard links in its own apt archive, before its disk is mounted. It is the lab's counterpart of a site's mirror.
 */
export async function linkPackages(release: string, disk: Disk): Promise<void> {
  const packages = packagesDirectory(release);
  const names = (await readdir(packages).catch(() => [])).filter((name) => name.endsWith(".deb"));
  const archives = archivesOf(disk);
  await mkdir(archives, { recursive: true, mode: 0o755 });
  await Promise.all(names.map((name) => link(join(packages, name), join(archives, name)).catch(ignoreThere)));
}

/** Keeps what a host has downloaded. */
export async function keepPackages(release: string, disk: Disk): Promise<void> {
  const packages = packagesDirectory(release);
  const archives = archivesOf(disk);
  const names = (await readdir(archives).catch(() => [])).filter((name) => name.endsWith(".deb"));
  await mkdir(packages, { recursive: true });
  await Promise.all(names.map((name) => link(join(archives, name), join(packages, name)).catch(ignoreThere)));
}

/** In the upper part of the disk: through the mount, a link to another file system is impossible. */
const archivesOf = (disk: Disk): string => join(disk.upper, "var/cache/apt/archives");

function ignoreThere(error: NodeJS.ErrnoException): void {
  // There already, or on its way out: both leave the cache as good as before.
  if (error.code !== "EEXIST" && error.code !== "ENOENT") throw error;
}
