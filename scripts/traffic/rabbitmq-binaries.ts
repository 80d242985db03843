import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../agents/lib/errors.ts";

const run = promisify(execFile);

/** The folders of a RabbitMQ and its Erlang; absolute paths. Nothing is ever written there. */
export interface RabbitmqBinaries {
  /** The package's version, e.g. `3.10.8`. */
  readonly version: string;
  /** Erlang's ROOTDIR, with `bin/start_sasl.boot`, `lib`, `erts-*`. */
  readonly erlangRoot: string;
  /** The folder of `erlexec` and `beam.smp`. */
  readonly ertsBin: string;
  /** RabbitMQ's own applications and its plugins, all in one folder. */
  readonly plugins: string;
  /** The folder of unpacked shared libraries that may be missing on this machine; undefined for an installed broker. */
  readonly libraries: string | undefined;
}

/** The environment that an Erlang VM needs without the package's shell scripts. */
export const vmEnvironment = (binaries: RabbitmqBinaries, home: string) => ({
  HOME: home,
  PATH: "/usr/bin:/bin",
  LANG: "C.UTF-8",
  ROOTDIR: binaries.erlangRoot,
  BINDIR: binaries.ertsBin,
  EMU: "beam",
  PROGNAME: "erl",
  ...(binaries.libraries ? { LD_LIBRARY_PATH: binaries.libraries } : {}),
});

const useOtherBroker = "give a running broker with --broker amqp://user:password@host:5672/";

/**
 * The broker's binaries: those of an installed rabbitmq-server, or those of the distribution's packages, unpacked
 * once into the user's cache. Unpacking needs no root and, unlike installing, starts no service. Takes 5 to 10 s and
 * 33 MB of download the first time; safe when several processes do it at once.
 *
 * @throws UserError if the packages can't be downloaded; the remedy says how to do without them.
 */
export async function findRabbitmqBinaries(onProgress: (text: string) => void = () => {}): Promise<RabbitmqBinaries> {
  const installed = await binariesUnder("/", false);
  if (installed) return installed;
  const release = await releaseName();
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "warren");
  return (await cachedBinaries(cache, release)) ?? (await unpackPackages(cache, release, onProgress));
}

/** Finds Debian's layout below `prefix`; undefined unless both Erlang and RabbitMQ are complete. */
export async function binariesUnder(prefix: string, unpacked: boolean): Promise<RabbitmqBinaries | undefined> {
  const erlangRoot = path.join(prefix, "usr/lib/erlang");
  const rabbitmqRoot = path.join(prefix, "usr/lib/rabbitmq/lib");
  const erts = (await namesIn(erlangRoot)).find((name) => name.startsWith("erts-"));
  const server = (await namesIn(rabbitmqRoot)).find((name) => name.startsWith("rabbitmq_server-"));
  if (!erts || !server) return undefined;
  const plugins = path.join(rabbitmqRoot, server, "plugins");
  if (!existsSync(path.join(erlangRoot, erts, "bin/erlexec")) || !existsSync(plugins)) return undefined;
  const triplet = (await namesIn(path.join(prefix, "usr/lib"))).find((name) => name.endsWith("-linux-gnu"));
  return {
    version: server.slice("rabbitmq_server-".length),
    erlangRoot,
    ertsBin: path.join(erlangRoot, erts, "bin"),
    plugins,
    libraries: unpacked && triplet ? path.join(prefix, "usr/lib", triplet) : undefined,
  };
}

async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(() => [])).sort();
}

/** `bookworm`, `noble`, …: part of the cache's name, since a home may be shared by machines of different releases. */
async function releaseName(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] ?? "unknown";
}

async function cachedBinaries(cache: string, release: string): Promise<RabbitmqBinaries | undefined> {
  const names = (await namesIn(cache)).filter((name) => /^rabbitmq-[\w.]+-\w+$/.test(name));
  for (const name of names.filter((each) => each.endsWith(`-${release}`)).reverse()) {
    const binaries = await binariesUnder(path.join(cache, name), true);
    if (binaries) return binaries;
  }
  return undefined;
}

/**
 * No lock: each process unpacks under its own name and renames the result when it is complete. If two race, the second finds the
 * final name and uses the first one's result.
 */
async function unpackPackages(
  cache: string,
  release: string,
  onProgress: (text: string) => void,
): Promise<RabbitmqBinaries> {
  if (!existsSync("/usr/bin/apt-get") || !existsSync("/usr/bin/dpkg")) {
    throw new UserError("rabbitmq", "is not installed, and this system has no apt to install it", useOtherBroker);
  }
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(path.join(cache, ".rabbitmq-"));
  try {
    onProgress("downloading the rabbitmq-server and erlang packages (33 MB), to unpack, not to install");
    await downloadPackages(work);
    const archives = (await namesIn(work)).filter((name) => name.endsWith(".deb"));
    const root = path.join(work, "root");
    for (const name of archives) await run("dpkg", ["-x", path.join(work, name), root]);
    const unpacked = await binariesUnder(root, true);
    if (!unpacked) throw new UserError("rabbitmq", `${archives.join(" ")} contain no broker`, useOtherBroker);
    const place = path.join(cache, `rabbitmq-${unpacked.version}-${release}`);
    await rename(root, place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    const binaries = await binariesUnder(place, true);
    if (!binaries) throw new UserError(place, "is incomplete", `remove it and try again: rm -r ${place}`);
    return binaries;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function downloadPackages(directory: string): Promise<void> {
  const options = { cwd: directory, env: { ...process.env, LC_ALL: "C.UTF-8" } };
  let lists: readonly string[] = [];
  if (!(await isKnown("rabbitmq-server", lists))) {
    // The machine's own package lists are empty, as in a fresh container. Our own lists need no root.
    lists = ["-o", `Dir::State::lists=${directory}/lists`, "-o", `Dir::Cache=${directory}/cache`];
    await mkdir(path.join(directory, "lists/partial"), { recursive: true });
    await mkdir(path.join(directory, "cache/archives/partial"), { recursive: true });
    await run("apt-get", [...lists, "-q", "update"], options).catch(refuse);
  }
  const dependencies = await run(
    "apt-cache",
    [
      ...lists,
      ...["depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks"],
      ...["--no-replaces", "--no-enhances", "rabbitmq-server"],
    ],
    { ...options, maxBuffer: 16 << 20 },
  ).catch(refuse);
  // Of all the package's dependencies the broker itself needs only Erlang and OpenSSL's library.
  const wanted = /^(rabbitmq-server|erlang-[\w-]+|libssl3\w*)$/;
  const names = new Set(dependencies.stdout.split("\n").filter((line) => wanted.test(line)));
  await run("apt-get", [...lists, "-q", "download", ...names], { ...options, maxBuffer: 16 << 20 }).catch(refuse);
}

async function isKnown(name: string, options: readonly string[]): Promise<boolean> {
  const { stdout } = await run("apt-cache", [...options, "policy", name], { env: { LC_ALL: "C" } });
  return /Candidate: \d/.test(stdout);
}

function refuse(error: Error & { stderr?: string }): never {
  const reason = error.stderr?.split("\n").find((line) => line.startsWith("E: ")) ?? error.message;
  throw new UserError(
    "rabbitmq",
    `its packages can't be downloaded: ${reason}`,
    `check apt's sources, or ${useOtherBroker}`,
    {
      cause: error,
    },
  );
}
