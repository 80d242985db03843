import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { codename, unpackedPackages } from "../lib/debian-packages.ts";

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

/** Of all the package's dependencies the broker itself needs only Erlang, and OpenSSL's library. */
export const rabbitmqPackages = [
  "rabbitmq-server",
  ...["asn1", "base", "crypto", "eldap", "inets", "mnesia", "os-mon", "parsetools", "public-key", "runtime-tools"].map(
    (name) => `erlang-${name}`,
  ),
  ...["ssl", "syntax-tools", "tools", "xmerl"].map((name) => `erlang-${name}`),
] as const;

/**
 * The broker's binaries: those of an installed rabbitmq-server, or those of the distribution's packages, unpacked once into the user's cache.
 * Takes 5 to 10 s and 33 MB of download the first time.
 *
 * @throws UserError if the packages can't be downloaded; the remedy says how to do without them.
 */
export async function findRabbitmqBinaries(onProgress: (text: string) => void = () => {}): Promise<RabbitmqBinaries> {
  const installed = await binariesUnder("/", false);
  if (installed) return installed;
  // A home may be shared by machines of different releases.
  const release = await codename();
  const packages = [...rabbitmqPackages, ["bookworm", "jammy"].includes(release) ? "libssl3" : "libssl3t64"] as const;
  const onDownload = () =>
    onProgress("downloading the rabbitmq-server and erlang packages (33 MB), to unpack, not to install");
  const root = await unpackedPackages(`rabbitmq-server-${release}`, packages, { onDownload }).catch(
    (error: UserError) => {
      const remedy = "check apt's sources, or give a running broker with --broker amqp://user:password@host:5672/";
      throw new UserError("rabbitmq", error.message, remedy, { cause: error });
    },
  );
  const binaries = await binariesUnder(root, true);
  if (!binaries) throw new UserError(root, "is incomplete", `remove it and try again: rm -r ${root}`);
  return binaries;
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
