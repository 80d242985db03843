import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hostKeyPath, userKeyPath } from "./keys.ts";
import { isMounted, mountsBelow } from "./mounts.ts";
import { linkPackages } from "./package-cache.ts";
import { type Disk, diskOf } from "./paths.ts";
import type { LabRecord } from "./registry.ts";
import { run } from "./run.ts";
import type { LabHost } from "./spec.ts";

interface File {
  readonly path: string;
  readonly content: string;
  readonly mode?: number;
  readonly owner?: number;
}

/** User id of `ops`, the first user that the image makes. */
const opsId = 1000;

/**
 * A new disk: the base image as the lower layer, and only this host's own files above it. It is mounted last, so a disk
 * that is mounted is complete.
 */
export async function installDisk(
  record: LabRecord,
  host: LabHost,
  image: string,
  resolvers: readonly string[],
): Promise<void> {
  await removeDisk(record, host);
  const disk = diskOf(record.disks, host.name);
  await mkdir(disk.root, { recursive: true });
  if (host.diskMb !== undefined) await makeOwnFileSystem(disk, host.diskMb);
  await Promise.all([disk.upper, disk.work].map((path) => mkdir(path, { recursive: true, mode: 0o755 })));
  await linkPackages(host.release, disk);
  for (const file of await identity(record, host, resolvers)) await place(image, disk.upper, file);
  // volatile: hosts don't wait for this machine's disk, which all of them share. Only a crash of this machine would lose
  // what they wrote, and it ends the lab anyway; a host that is killed loses nothing. `up` on bare hosts takes a third less time.
  const options = `lowerdir=${image},upperdir=${disk.upper},workdir=${disk.work},volatile`;
  await run(["mount", "-t", "overlay", "-o", options, "warren-lab", disk.root]);
}

async function identity(record: LabRecord, host: LabHost, resolvers: readonly string[]): Promise<File[]> {
  const read = (path: string) => readFile(path, "utf8");
  const key = hostKeyPath(record.name, host.name);
  const authorized = await read(`${userKeyPath(record.name)}.pub`);
  return [
    { path: "etc/hostname", content: `${host.name}\n` },
    // With a static address the installer writes the address, not 127.0.1.1.
    { path: "etc/hosts", content: `127.0.0.1 localhost\n${host.address} ${host.name}\n` },
    { path: "etc/resolv.conf", content: resolvers.map((server) => `nameserver ${server}\n`).join("") },
    { path: "etc/machine-id", content: `${randomBytes(16).toString("hex")}\n`, mode: 0o444 },
    { path: "etc/ssh/ssh_host_ed25519_key", content: await read(key), mode: 0o600 },
    { path: "etc/ssh/ssh_host_ed25519_key.pub", content: await read(`${key}.pub`) },
    { path: "root/.ssh/authorized_keys", content: authorized, mode: 0o600 },
    { path: "home/ops/.ssh/authorized_keys", content: authorized, mode: 0o600, owner: opsId },
  ];
}

/** Writes a file into the upper layer of a disk. Its parent folders keep the mode that they have in the image; new ones are private. */
async function place(image: string, upper: string, { path, content, mode = 0o644, owner = 0 }: File): Promise<void> {
  const above = dirname(path).split("/");
  for (const depth of above.keys()) {
    const folder = above.slice(0, depth + 1).join("/");
    const model = await stat(join(image, folder)).catch(() => ({ mode: 0o700, uid: owner, gid: owner }));
    await mkdir(join(upper, folder), { recursive: true });
    await chmod(join(upper, folder), model.mode & 0o7777);
    await chown(join(upper, folder), model.uid, model.gid);
  }
  await writeFile(join(upper, path), content, { mode });
  await chown(join(upper, path), owner, owner);
}

/** A file system of a given size in a sparse file, so that only this host can run out of space. */
async function makeOwnFileSystem(disk: Disk, sizeMb: number): Promise<void> {
  const volume = dirname(disk.upper);
  const file = `${volume}.img`;
  await writeFile(file, "");
  await truncate(file, sizeMb * 1024 * 1024);
  await run(["mkfs.ext4", "-q", "-m", "0", file]);
  await mkdir(volume, { recursive: true });
  await run(["mount", "-o", "loop", file, volume]);
}

/** Unmounts and deletes a disk. Missing parts are not an error. */
export async function removeDisk(record: LabRecord, host: LabHost): Promise<void> {
  const folder = join(record.disks, host.name);
  // The last mount first: a disk may lie on its own file system.
  for (const point of (await mountsBelow(folder)).reverse()) await run(["umount", point]);
  await rm(folder, { recursive: true, force: true });
}

export const hasDisk = (record: LabRecord, host: LabHost): Promise<boolean> =>
  isMounted(diskOf(record.disks, host.name).root);
