import { link, rename, rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { $ } from "zx/core";
import { UserError } from "../../../agents/lib/errors.ts";
import { checkout } from "../../engine/places.ts";

/** The files of a login's key pair during its replacement. The private files alone show the progress. */
export interface KeyFiles {
  readonly now: string;
  /** Created, but not in use yet. */
  readonly next: string;
  /** No longer in use, but perhaps still accepted by some host. */
  readonly former: string;
}

export function keyFiles(file: string): KeyFiles {
  const now = resolve(checkout, file);
  return { now, next: `${now}.next`, former: `${now}.former` };
}

const here = $({ nothrow: true, quiet: true, stdio: ["ignore", "pipe", "pipe"] });
/** A shell's exit code for a program that is not installed. */
const notThere = 127;

const isThere = async (file: string): Promise<boolean> => (await stat(file).catch(() => undefined)) !== undefined;

/** Creates the next pair, unless it exists or is already in use. */
export async function makeNext({ next, former }: KeyFiles, comment: string): Promise<void> {
  if ((await isThere(next)) || (await isThere(former))) return;
  const temporary = `${next}.new`;
  await Promise.all([rm(temporary, { force: true }), rm(`${temporary}.pub`, { force: true })]);
  const { ok, stderr, exitCode } = await here`ssh-keygen -q -t ed25519 -N ${""} -C ${comment} -f ${temporary}`;
  if (!ok) {
    const remedy =
      exitCode === notThere ? "install openssh-client" : "fix it, then run the same command again to continue";
    throw new UserError("ssh-keygen", `can't create a key: ${stderr.trim()}`, remedy);
  }
  await rename(`${temporary}.pub`, `${next}.pub`);
  await rename(temporary, next);
}

/** The public half as `TYPE BASE64`, derived from the private one because the public file may be missing. */
export async function publicHalf(file: string): Promise<string> {
  const { stdout, ok, stderr } = await here`ssh-keygen -y -f ${file}`;
  if (!ok) throw new UserError(file, `has no readable public key: ${stderr.trim()}`);
  return stdout.trim().split(" ").slice(0, 2).join(" ");
}

/** Replaces the pair in use with the next one and keeps the previous one beside it. At any moment the file in use is a complete key that hosts accept. */
export async function swap({ now, next, former }: KeyFiles): Promise<void> {
  if (!(await isThere(next))) return;
  for (const ending of [".pub", ""]) {
    if (!(await isThere(`${next}${ending}`))) continue;
    await link(`${now}${ending}`, `${former}${ending}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST" && error.code !== "ENOENT") throw error;
    });
    await rename(`${next}${ending}`, `${now}${ending}`);
  }
}

export const hasFormer = ({ former }: KeyFiles): Promise<boolean> => isThere(former);

export const removeFormer = async ({ former }: KeyFiles): Promise<void> => {
  await rm(`${former}.pub`, { force: true });
  await rm(former, { force: true });
};
