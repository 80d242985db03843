import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../agents/lib/errors.ts";

const run = promisify(execFile);

/** The server, and libraries that a minimal machine lacks. */
const packages = ["vsftpd", "libwrap0"];
const installedBinary = "/usr/sbin/vsftpd";

export interface VsftpdBinary {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The installed vsftpd, or one unpacked from the distribution's packages into the user's cache, once. Unlike an installation that starts no
 * service. Safe for several processes at once.
 *
 * @throws UserError if the packages can't be downloaded
 */
export async function findVsftpd(): Promise<VsftpdBinary> {
  if (existsSync(installedBinary)) return { command: installedBinary, env: {} };
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "warren");
  const place = path.join(cache, "vsftpd");
  if (!existsSync(place)) await unpack(cache, place);
  const libraries = await readdir(path.join(place, "usr/lib"));
  const triplet = libraries.find((name) => name.endsWith("-linux-gnu")) ?? "";
  return {
    command: path.join(place, "usr/sbin/vsftpd"),
    env: { LD_LIBRARY_PATH: path.join(place, "usr/lib", triplet) },
  };
}

/** Unpacks under a temporary name and renames when complete. If two processes race, the second finds the name taken. */
async function unpack(cache: string, place: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(path.join(cache, ".vsftpd-"));
  try {
    await download(work);
    const archives = (await readdir(work)).filter((name) => name.endsWith(".deb"));
    for (const name of archives) await run("dpkg", ["-x", path.join(work, name), path.join(work, "root")]);
    await rename(path.join(work, "root"), place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(folder: string): Promise<void> {
  const options = { cwd: folder, env: { ...process.env, LC_ALL: "C.UTF-8" }, maxBuffer: 16 << 20 };
  const lists = ["-o", `Dir::State::lists=${folder}/lists`, "-o", `Dir::Cache=${folder}/cache`];
  try {
    await run("apt-get", ["-q", "download", ...packages], options).catch(async () => {
      // The machine's package lists are empty, as in a fresh container. Our own lists need no root.
      await mkdir(path.join(folder, "lists/partial"), { recursive: true });
      await mkdir(path.join(folder, "cache/archives/partial"), { recursive: true });
      await run("apt-get", [...lists, "-q", "update"], options);
      await run("apt-get", [...lists, "-q", "download", ...packages], options);
    });
  } catch (error) {
    const output = (error as { stderr?: string }).stderr?.trim().split("\n").at(-1);
    const remedy = "check apt's sources, or install it: apt-get install vsftpd";
    throw new UserError("vsftpd", `its packages can't be downloaded: ${output ?? String(error)}`, remedy, {
      cause: error,
    });
  }
}
