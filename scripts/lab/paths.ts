import { join, resolve } from "node:path";
import { cacheFolder } from "../lib/files.ts";

/** The root folder of this checkout. */
export const checkoutDirectory = resolve(import.meta.dirname, "../..");

/** Small files of one lab of this checkout: keys, known_hosts, spec, logs. Survives `down`. */
export const labDirectory = (name: string): string => join(checkoutDirectory, ".warren/labs", name);

/** Large files that can be made again: base images, downloaded packages, the hosts' disks. */
export const imagesDirectory = (): string => join(cacheFolder(), "images");
export const packagesDirectory = (release: string): string => join(cacheFolder(), "packages", release);

/** The hosts' disks: a lab's name is only unique in its checkout, its index is unique on the machine. */
export const disksDirectory = (index: number, name: string): string =>
  join(cacheFolder(), "labs", index === 0 ? name : `${name}-${index}`);

/** Files that must vanish with a reboot, as the hosts do: the records of labs, control sockets. */
export const runDirectory = "/run/warren-lab";
export const controlPath = (index: number, host: string): string => join(runDirectory, String(index), `${host}.ssh`);

/** One host's disk: `upper` holds the differences from the base image, `root` is the host's root folder. */
export interface Disk {
  readonly upper: string;
  readonly work: string;
  readonly root: string;
}

export function diskOf(disks: string, host: string): Disk {
  const part = (name: string) => join(disks, host, name);
  return { upper: part("volume/upper"), work: part("volume/work"), root: part("root") };
}
