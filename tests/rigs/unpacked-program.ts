import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { codename, unpackedPackages } from "../../scripts/lib/debian-packages.ts";

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
const prometheusPackages = (release: string) => ({
  prometheus: "prometheus",
  promtool: release === "bookworm" ? "prometheus" : "promtool",
  "prometheus-alertmanager": "prometheus-alertmanager",
  amtool: "prometheus-alertmanager",
  "prometheus-node-exporter": "prometheus-node-exporter",
  "prometheus-exporter-exporter": "prometheus-exporter-exporter",
});

/** The programs of a monitor and of what it scrapes, by name. @throws UserError if a package can't be downloaded */
export async function prometheusTools(): Promise<Record<keyof ReturnType<typeof prometheusPackages>, ProgramBinary>> {
  const packages = prometheusPackages(await codename());
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
