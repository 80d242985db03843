import { type Adoptable, type AdoptedConfig, adoptable } from "../config/adopted.ts";
import type { StackConfig } from "../config/index.ts";
import { accountsName, packagesName } from "./names.ts";
import type { HostPart } from "./part.ts";
import type { FileModel, HostModel, UnitModel } from "./types.ts";

export const unitOf = (service: string): string => `${service}.service`;

/**
 * The parts of a host with adopted services. Each adopted service stays as it was found: its package in any version, its files byte for byte, its
 * unit. Warren's own parts are limited to services that were removed from `adopted`, with the files that their units read. All others wait until
 * the host is no longer adopted.
 */
export function adoptedParts(own: readonly HostPart[], host: string, config: StackConfig): HostPart[] {
  const adopted = config.hosts[host]?.adopted;
  if (!adopted) return [...own];
  const services = Object.keys(adopted) as Adoptable[];
  const released = own.filter((part) => isReleased(part, services));
  const read = new Set(released.flatMap((part) => part.units ?? []).flatMap((unit) => unit.reads));
  const readOfOthers = own
    .filter((part) => !released.includes(part))
    .map((part) => ({ files: (part.files ?? []).filter((file) => read.has(file.path)) }));
  const kept = services.map((service) => {
    const ownUnit = own.flatMap((part) => part.units ?? []).find((unit) => unit.name === unitOf(service));
    return foundPart(service, adopted, config.secrets.files[host] ?? {}, ownUnit);
  });
  return [...kept, ...released, ...readOfOthers];
}

/** Whether a part has a service that could be adopted but isn't. */
function isReleased(part: HostPart, adopted: readonly string[]): boolean {
  const found = adoptable.filter((service) => part.units?.some((unit) => unit.name === unitOf(service)));
  return found.length > 0 && !found.some((service) => adopted.includes(service));
}

function foundPart(
  service: Adoptable,
  adopted: AdoptedConfig,
  secrets: Readonly<Record<string, string>>,
  own: UnitModel | undefined,
): HostPart {
  const files = Object.entries(adopted[service]?.files ?? {}).map(
    ([path, { content, owner, group, mode }]): FileModel => ({
      path,
      owner,
      group,
      mode,
      content: content ?? secrets[path] ?? "",
      secret: content === undefined,
      // A package's account exists only after the package is installed.
      order: owner === "root" && group === "root" ? "before-packages" : "after-packages",
      keep: true,
    }),
  );
  return {
    files,
    packages: [{ name: service }],
    units: [
      {
        name: unitOf(service),
        onChange: service === "keepalived" ? "reload" : "restart",
        reads: files.map((file) => file.path),
        after: own?.after ?? [],
        afterBroker: false,
        packaged: true,
      },
    ],
  };
}

/** Names of the steps for things that were found on the host. They are recorded, and never removed from it. */
export function foundSteps(host: Pick<HostModel, "files" | "packages" | "units">, adopted: AdoptedConfig): string[] {
  const services = Object.keys(adopted);
  const paths = Object.values(adopted).flatMap(({ files }) => Object.keys(files));
  const all = host.packages.every((one) => services.includes(one.name));
  return [...paths, ...services.map(unitOf), ...(all ? [packagesName, accountsName] : [])];
}
