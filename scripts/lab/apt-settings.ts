import { readdir, readFile } from "node:fs/promises";
import { UserError } from "../../agents/lib/errors.ts";
import { run } from "./run.ts";
import type { Release } from "./spec.ts";

/** How this machine reaches Debian's archives. Hosts of a lab need the same settings, e.g. a proxy. */
export interface AptSettings {
  /** `Key "value";` lines for apt.conf. */
  readonly options: readonly string[];
  /** Base addresses of the archive and of its security updates. */
  readonly mirror: string;
  readonly securityMirror: string;
}

const wanted = /^Acquire::(https?|Check-Valid-Until|Check-Date|Retries|ForceIPv4)\b/i;

/** Picks the settings for reaching an archive from the output of `apt-config dump`. */
export function parseAptOptions(dump: string): string[] {
  const options = dump.split("\n").filter((line) => wanted.test(line) && / ".+";$/.test(line));
  return [...new Set(options)].sort();
}

/** Finds the mirrors in the machine's own sources, one-line or deb822. Debian's own addresses if the machine is not Debian. */
export function parseMirrors(sources: string): { mirror: string; securityMirror: string } {
  const enabled = sources.split("\n").filter((line) => /^\s*(deb\s|URIs:)/i.test(line));
  const addresses = enabled
    .flatMap((line) => line.match(/https?:\/\/[^\s\]]+/g) ?? [])
    .map((url) => url.replace(/\/+$/, ""));
  return {
    mirror: addresses.find((url) => url.endsWith("/debian")) ?? "http://deb.debian.org/debian",
    securityMirror: addresses.find((url) => /debian-security$/.test(url)) ?? "http://deb.debian.org/debian-security",
  };
}

export async function readAptSettings(): Promise<AptSettings> {
  const options = parseAptOptions(await run(["apt-config", "dump"]));
  const proxy = process.env.http_proxy ?? process.env.HTTP_PROXY;
  if (proxy && !options.some((line) => line.startsWith("Acquire::http::Proxy "))) {
    options.push(`Acquire::http::Proxy "${proxy}";`);
  }
  const folder = "/etc/apt/sources.list.d";
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name));
  const files = ["/etc/apt/sources.list", ...names.map((name) => `${folder}/${name}`)];
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return { options, ...parseMirrors(texts.join("\n")) };
}

/** One-line sources of a release: the release itself, its updates, its security updates. */
export function sourceLines(release: Release, settings: AptSettings): string[] {
  return [
    `deb ${settings.mirror} ${release} main`,
    `deb ${settings.mirror} ${release}-updates main`,
    `deb ${settings.securityMirror} ${release}-security main`,
  ];
}

/** The machine's resolvers that a host can use: the servers behind a stub on loopback, which only the machine itself can reach. */
export function parseResolvers(...files: readonly string[]): string[] {
  for (const text of files) {
    const servers = [...text.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? "");
    const usable = servers.filter((server) => !/^(127\.|::1$)/.test(server));
    if (usable.length > 0) return usable;
  }
  return [];
}

export async function readResolvers(): Promise<string[]> {
  const paths = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
  const servers = parseResolvers(...(await Promise.all(paths.map((path) => readFile(path, "utf8").catch(() => "")))));
  if (servers.length > 0) return servers;
  throw new UserError(
    "/etc/resolv.conf",
    "names no resolver that a host on a bridge can reach",
    "add a `nameserver` line whose address is not on loopback",
  );
}
