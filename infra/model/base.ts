import { renderAptPreferences, renderHosts } from "../../templates/render.ts";
import { rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";
import type { PackageModel } from "./types.ts";

/** The part of every host: /etc/hosts with the names of all hosts. */
export function basePart({ config }: PartContext): HostPart {
  const vips = Object.entries(config.virtualIps).map(([name, vip]) => ({ name, address: vip.address, aliases: [] }));
  const hosts = Object.entries(config.hosts).map(([name, host]) => ({ name, address: host.address, aliases: [] }));
  return { files: [rootFile("/etc/hosts", renderHosts({ entries: [...hosts, ...vips] }), { keep: true })] };
}

/** apt's pins of a host's packages; empty if nothing is pinned. */
export function pinPart(packages: readonly PackageModel[]): HostPart {
  const pins = packages.flatMap(({ name, series }) => (series ? [{ package: name, version: series }] : []));
  if (pins.length === 0) return {};
  return { files: [rootFile("/etc/apt/preferences.d/warren", renderAptPreferences({ pins }))] };
}
