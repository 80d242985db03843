import { createHash } from "node:crypto";
import { appendFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ageMs, exists } from "../lib/files.ts";
import { withLock } from "../lib/machine-lock.ts";
import { type AptSettings, readAptSettings, sourceLines } from "./apt-settings.ts";
import { unescapeMount } from "./mounts.ts";
import { checkoutDirectory, imagesDirectory } from "./paths.ts";
import type { Report } from "./progress.ts";
import { run } from "./run.ts";
import { type Release, releases } from "./spec.ts";

/** Increase this when the build changes in a way that the recipe does not show. */
const recipeVersion = 1;

const oldAfterMs = 30 * 24 * 3600 * 1000;

/** The recipe of a base image. Its hash is the image's name, so a changed recipe makes a new image. */
export interface ImageRecipe {
  readonly version: number;
  readonly release: Release;
  readonly packages: readonly string[];
  readonly sources: readonly string[];
  readonly aptOptions: readonly string[];
  readonly dpkgOptions: readonly string[];
  readonly maskedUnits: readonly string[];
}

/**
 * A bare host, as Debian's installer leaves a server with ssh and sudo. Two things are made faster, as
 * many hosts share one machine: dpkg does not sync each file, and manuals and translations are left out.
 */
export function imageRecipe(release: Release, settings: AptSettings): ImageRecipe {
  return {
    version: recipeVersion,
    release,
    packages: ["systemd-sysv", "dbus", "openssh-server", "iproute2", "ca-certificates", "sudo"],
    sources: sourceLines(release, settings),
    aptOptions: [...settings.options, 'Acquire::Languages "none";'],
    dpkgOptions: [
      "force-unsafe-io",
      "path-exclude=/usr/share/man/*",
      "path-exclude=/usr/share/locale/*",
      "path-exclude=/usr/share/doc/*",
      "path-include=/usr/share/doc/*/copyright",
    ],
    // apt's timers would take its lock at random moments; nobody uses the console.
    maskedUnits: [
      "apt-daily.timer",
      "apt-daily-upgrade.timer",
      "console-getty.service",
      "systemd-networkd-wait-online.service",
    ],
  };
}

export function imageName(recipe: ImageRecipe): string {
  return `${recipe.release}-${createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 12)}`;
}

/**
 * The build command. It must leave nothing behind when warren is killed: its mounts and processes
 * are in its own namespaces and end with it.
 */
export function buildCommand(recipe: ImageRecipe, target: string): [string, ...string[]] {
  return [
    "unshare",
    "--mount",
    "--propagation",
    "slave",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "mmdebstrap",
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    `--include=${recipe.packages.join(",")}`,
    ...recipe.aptOptions.map((option) => `--aptopt=${option}`),
    ...recipe.dpkgOptions.map((option) => `--dpkgopt=${option}`),
    // Keeps apt's package lists of the day of installation, as an installer does.
    "--skip=cleanup/apt/lists",
    '--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash ops',
    recipe.release,
    target,
    ...recipe.sources,
  ];
}

/** The folder of a recipe's base image, which is built on first use. Safe to call twice at once. */
export async function ensureImage(recipe: ImageRecipe, report: Report, signal?: AbortSignal): Promise<string> {
  const image = join(imagesDirectory(), imageName(recipe));
  if (await exists(image)) return image;
  const wait = (holder: string) => report({ step: "note", text: `waiting for ${holder}` });
  return withLock(
    imageLock(imageName(recipe)),
    `building base image ${recipe.release}`,
    async () => {
      if (!(await exists(image))) await build(recipe, image, report, signal);
      return image;
    },
    wait,
  );
}

async function build(recipe: ImageRecipe, image: string, report: Report, signal?: AbortSignal): Promise<void> {
  // Another name, so that no host uses an image that is not complete.
  const partial = `${image}.partial`;
  const log = join(checkoutDirectory, ".warren/logs", `image-${recipe.release}.log`);
  await rm(partial, { recursive: true, force: true });
  await mkdir(dirname(image), { recursive: true });
  await mkdir(dirname(log), { recursive: true });
  await writeFile(log, "");
  const text = `base image ${recipe.release}`;
  report({ step: "image", text: `${text}: about 25 s, kept for the next lab` });
  const started = performance.now();
  try {
    await run(buildCommand(recipe, partial), {
      ...(signal ? { signal } : {}),
      onLine: (line) => {
        void appendFile(log, `${line}\n`);
        const step = /^I: (.+?)\.*$/.exec(line)?.[1];
        if (step) report({ step: "image", text: `${text}: ${step}` });
      },
    });
    await finish(recipe, partial);
    await rename(partial, image);
    await removeOldImages(image);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  report({ step: "note", text: `${text}: built in ${Math.round((performance.now() - started) / 1000)} s` });
}

/** Removes images of earlier recipes that are old and used by no host. */
async function removeOldImages(current: string): Promise<void> {
  for (const name of await readdir(imagesDirectory())) {
    const image = join(imagesDirectory(), name);
    if (image === current || (await isImageUsed(image))) continue;
    if ((await ageMs(image)) > oldAfterMs) await rm(image, { recursive: true, force: true });
  }
}

/** Whether a host's disk is mounted on this image. */
export async function isImageUsed(image: string): Promise<boolean> {
  const mounts = unescapeMount(await readFile("/proc/self/mounts", "utf8"));
  return mounts.includes(`lowerdir=${image},`);
}

/** Names of the images that the next lab here would use. */
export async function currentImages(): Promise<string[]> {
  const settings = await readAptSettings();
  return releases.map((release) => imageName(imageRecipe(release, settings)));
}

/** The lock of processes that build or remove an image. */
export const imageLock = (name: string): string => `image-${name}`;

async function finish(recipe: ImageRecipe, root: string): Promise<void> {
  // Each host gets its own identity and keys; those of the image would be shared by all.
  const keys = (await readdir(join(root, "etc/ssh"))).filter((name) => name.startsWith("ssh_host_"));
  await Promise.all(
    [...keys.map((key) => `etc/ssh/${key}`), "etc/machine-id"].map((path) => rm(join(root, path), { force: true })),
  );
  for (const unit of recipe.maskedUnits)
    await symlink("/dev/null", join(root, "etc/systemd/system", unit)).catch(() => {});
  await writeFile(join(root, "etc/sudoers.d/ops"), "ops ALL=(ALL:ALL) NOPASSWD: ALL\n", { mode: 0o440 });
  await mkdir(join(root, "var/log/journal"), { recursive: true });
}
