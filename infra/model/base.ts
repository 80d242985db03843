import { renderAptPreferences, renderHosts } from "../../templates/render.ts";
import { namesOf } from "../config/full-names.ts";
import { rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";
import type { PackageModel } from "./types.ts";

/** The part of every host: /etc/hosts with the names of all hosts. The full name comes first, so `hostname --fqdn` prints it. */
export function basePart({ config }: PartContext): HostPart {
  const placed = { ...config.hosts, ...config.virtualIps };
  const entries = Object.entries(placed).map(([name, { address }]) => ({ address, names: namesOf(config, name) }));
  return { files: [rootFile("/etc/hosts", renderHosts({ entries }), { keep: true })] };
}

/** apt's pins of a host's packages; empty if nothing is pinned. */
export function pinPart(packages: readonly PackageModel[]): HostPart {
  const pins = packages.flatMap(({ name, series }) => (series ? [{ package: name, version: series }] : []));
  if (pins.length === 0) return {};
  return { files: [rootFile("/etc/apt/preferences.d/warren", renderAptPreferences({ pins }))] };
}
