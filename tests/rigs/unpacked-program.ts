import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../agents/lib/errors.ts";

const run = promisify(execFile);

interface DebianProgram {
  /** Its path on a machine where it is installed. */
  readonly installed: string;
  /** Its package, and those of libraries that a minimal machine lacks. */
  readonly packages: readonly [program: string, ...libraries: string[]];
}

export const vsftpd: DebianProgram = { installed: "/usr/sbin/vsftpd", packages: ["vsftpd", "libwrap0"] };
export const keepalived: DebianProgram = {
  installed: "/usr/sbin/keepalived",
  packages: ["keepalived", "libnl-3-200", "libnl-genl-3-200", "libsnmp40", "libsensors5", "libpci3"],
};
/** Its schemas and modules are beside it, in `etc/ldap/schema` and `usr/lib/ldap`. */
export const slapd: DebianProgram = {
  installed: "/usr/sbin/slapd",
  packages: ["slapd", "libltdl7", "libodbc2", "libwrap0"],
};
export const mosquitto: DebianProgram = {
  installed: "/usr/sbin/mosquitto",
  packages: ["mosquitto", "libcjson1", "libdlt2", "libwrap0"],
};
/** Its modules are beside it, in `usr/lib/apache2/modules`. */
export const mosquittoSub: DebianProgram = {
  installed: "/usr/bin/mosquitto_sub",
  packages: ["mosquitto-clients", "libmosquitto1", "libcjson1"],
};
export const apache: DebianProgram = {
  installed: "/usr/sbin/apache2",
  packages: ["apache2-bin", "libapr1", "libaprutil1", "libaprutil1-ldap"],
};

/**
 * Programs in /usr/bin of a monitor and of what it scrapes, with their packages; none needs a library that a minimal machine lacks.
 * promtool has a package of its own from Debian 13 on.
 */
const prometheusPackages = (codename: string) => ({
  prometheus: "prometheus",
  promtool: codename === "bookworm" ? "prometheus" : "promtool",
  "prometheus-alertmanager": "prometheus-alertmanager",
  amtool: "prometheus-alertmanager",
  "prometheus-node-exporter": "prometheus-node-exporter",
  "prometheus-exporter-exporter": "prometheus-exporter-exporter",
});

/** The programs of a monitor and of what it scrapes, by name. @throws UserError if a package can't be downloaded */
export async function prometheusTools(): Promise<Record<keyof ReturnType<typeof prometheusPackages>, ProgramBinary>> {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1] ?? "";
  const packages = prometheusPackages(codename);
  const found = await Promise.all(
    Object.entries(packages).map(async ([name, from]) => {
      const program = await findProgram({ installed: `/usr/bin/${name}`, packages: [from] });
      return [name, program] as const;
    }),
  );
  return Object.fromEntries(found) as Record<keyof typeof packages, ProgramBinary>;
}

export interface ProgramBinary {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The installed program, or one unpacked from the distribution's packages into the user's cache, once. Unlike an installation that starts no
 * service. Safe for several processes at once.
 *
 * @throws UserError if the packages can't be downloaded
 */
export async function findProgram({ installed, packages }: DebianProgram): Promise<ProgramBinary> {
  if (existsSync(installed)) return { command: installed, env: {} };
  const place = await unpackedPackages(packages[0], packages);
  // Packages of Debian 12 still have some libraries in /lib.
  const found = await Promise.all(["usr/lib", "lib"].map((folder) => libraryFolders(path.join(place, folder))));
  return { command: path.join(place, installed), env: { LD_LIBRARY_PATH: found.flat().join(":") } };
}

async function libraryFolders(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith("-linux-gnu")).map((name) => path.join(folder, name));
}

/**
 * The folder into which packages are unpacked, in the user's cache. Unpacks under a temporary name and renames when complete: if two processes race,
 * the second finds the name taken.
 *
 * @param sources lines of apt's sources; default: those of this machine
 * @param finish completes the folder before it gets its name
 */
export async function unpackedPackages(
  name: string,
  packages: DebianProgram["packages"],
  sources: readonly string[] = [],
  finish: (root: string) => Promise<void> = async () => {},
): Promise<string> {
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "warren");
  const place = path.join(cache, name);
  if (existsSync(place)) return place;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(path.join(cache, `.${name}-`));
  try {
    await download(work, packages, sources);
    const archives = (await readdir(work)).filter((name) => name.endsWith(".deb"));
    for (const name of archives) await run("dpkg", ["-x", path.join(work, name), path.join(work, "root")]);
    await finish(path.join(work, "root"));
    await rename(path.join(work, "root"), place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return place;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(
  folder: string,
  packages: DebianProgram["packages"],
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
