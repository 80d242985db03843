import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../agents/lib/errors.ts";
import { cachedFolder } from "./files.ts";

const run = promisify(execFile);

export interface Unpacking {
  /** Lines of apt's sources; default: those of this machine. */
  readonly sources?: readonly string[];
  /** Called before the download. */
  readonly onDownload?: () => void;
  /** Completes the folder before it gets its name. */
  readonly finish?: (root: string) => Promise<void>;
}

/**
 * The folder into which packages of the distribution are unpacked, in the user's cache, once. Unpacking needs no root and, unlike installing,
 * starts no service. Safe for several processes at once.
 *
 * @throws UserError if the packages can't be downloaded
 */
export function unpackedPackages(
  name: string,
  packages: readonly [string, ...string[]],
  { sources = [], onDownload = () => {}, finish = async () => {} }: Unpacking = {},
): Promise<string> {
  return cachedFolder(name, async (root) => {
    const work = `${root}.download`;
    await mkdir(work);
    onDownload();
    await download(work, packages, sources);
    const archives = (await readdir(work)).filter((file) => file.endsWith(".deb"));
    for (const file of archives) await run("dpkg", ["-x", path.join(work, file), root]);
    await finish(root);
  });
}

async function download(
  folder: string,
  packages: readonly [string, ...string[]],
  sources: readonly string[],
): Promise<void> {
  const options = { cwd: folder, env: { ...process.env, LC_ALL: "C.UTF-8" }, maxBuffer: 16 << 20 };
  const lists = ["-o", `Dir::State::lists=${folder}/lists`, "-o", `Dir::Cache=${folder}/cache`];
  if (sources.length > 0) {
    await writeFile(path.join(folder, "sources"), `${sources.join("\n")}\n`);
    lists.push("-o", `Dir::Etc::sourcelist=${folder}/sources`, "-o", "Dir::Etc::sourceparts=-");
  }
  const own =
    sources.length > 0
      ? Promise.reject(new Error("other sources"))
      : run("apt-get", ["-q", "download", ...packages], options);
  try {
    await own.catch(async () => {
      // The machine's package lists are empty, as in a fresh container. Our own lists need no root.
      await mkdir(path.join(folder, "lists/partial"), { recursive: true });
      await mkdir(path.join(folder, "cache/archives/partial"), { recursive: true });
      await run("apt-get", [...lists, "-q", "update"], options);
      await run("apt-get", [...lists, "-q", "download", ...packages], options);
    });
  } catch (error) {
    const output = (error as { stderr?: string }).stderr?.trim().split("\n").at(-1);
    const remedy = `check apt's sources, or install it: apt-get install ${packages[0]}`;
    throw new UserError(packages[0], `its packages can't be downloaded: ${output ?? String(error)}`, remedy, {
      cause: error,
    });
  }
}

/** `bookworm`, `noble`, …; empty if this machine doesn't say. */
export async function codename(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] ?? "";
}
