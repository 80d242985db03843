import { chmod, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { readAptSettings, sourceLines } from "../../scripts/lab/apt-settings.ts";
import { unpackedPackages } from "../../scripts/lib/debian-packages.ts";
import {
  binariesUnder,
  findRabbitmqBinaries,
  type RabbitmqBinaries,
  rabbitmqPackages,
} from "../../scripts/traffic/rabbitmq-binaries.ts";

const release = "trixie";
const libraries = ["libc6", "libcap2", "libgcc-s1", "libssl3t64", "libstdc++6", "libsystemd0", "libtinfo6", "zlib1g"];

/**
 * RabbitMQ 4.0: the one of this machine if it has it, else Debian 13's packages with their C library, unpacked once into the user's cache (110 MB).
 * They run on any Debian, without root.
 *
 * @throws UserError if the packages can't be downloaded
 */
export async function findNewerRabbitmq(): Promise<RabbitmqBinaries> {
  const own = await findRabbitmqBinaries();
  if (own.version.startsWith("4.")) return own;
  const sources = sourceLines(release, await readAptSettings());
  const root = await unpackedPackages(`rabbitmq-server-${release}`, [...rabbitmqPackages, ...libraries], {
    sources,
    finish: useOwnLibraries,
  });
  const found = await binariesUnder(root, false);
  if (!found) throw new Error(`no broker in ${root}`);
  return found;
}

/**
 * Replaces each program of Erlang by a script that starts it with its own libraries and their loader, as this machine's C library may be older.
 * LD_LIBRARY_PATH would break the scripts' shell, and the shells that Erlang starts.
 */
async function useOwnLibraries(root: string): Promise<void> {
  const lib = path.join(root, "usr/lib");
  const triplet = (await readdir(lib)).find((name) => name.endsWith("-linux-gnu")) ?? "";
  const loader = (await readdir(path.join(lib, triplet))).find((name) => /^ld-linux.*\.so/.test(name));
  const files = await readdir(path.join(lib, "erlang"), { recursive: true, withFileTypes: true });
  for (const { parentPath: folder, name } of files.filter(
    (file) => file.isFile() && file.parentPath.endsWith("/bin"),
  )) {
    const program = path.join(folder, name);
    const start = (await readFile(program)).subarray(0, 4);
    if (!start.equals(Buffer.from("\x7fELF", "latin1"))) continue;
    await rename(program, `${program}.elf`);
    const libraries = `"\${0%/*}/${path.relative(folder, path.join(lib, triplet))}"`;
    await writeFile(program, `#!/bin/sh\nexec ${libraries}/${loader} --library-path ${libraries} "$0.elf" "$@"\n`);
    await chmod(program, 0o755);
  }
}
