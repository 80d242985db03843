import { type Adoptable, type AdoptedConfig, adoptable } from "../config/adopted.ts";
import type { StackConfig } from "../config/index.ts";
import { accountsName, packagesName } from "./names.ts";
import type { HostPart } from "./part.ts";
import type { FileModel, HostModel, UnitModel } from "./types.ts";

export const unitOf = (service: string): string => `${service}.service`;

/**
 * The parts of a host on which services were built by hand. Each of those is as it was found: its package, whatever its version, its files to the
 * byte, its unit. Of warren's own parts stay those of services that have been taken out of `adopted`, with the files that their units
 * read; everything else waits until the host is not adopted any more.
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

/** A part of a service that could be adopted and isn't. */
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
      // An account of the package's is there after it.
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

/** Names of the steps that stand for something found, not made: they are recorded, and never taken off the host. */
export function foundSteps(host: Pick<HostModel, "files" | "packages" | "units">, adopted: AdoptedConfig): string[] {
  const services = Object.keys(adopted);
  const paths = Object.values(adopted).flatMap(({ files }) => Object.keys(files));
  const all = host.packages.every((one) => services.includes(one.name));
  return [...paths, ...services.map(unitOf), ...(all ? [packagesName, accountsName] : [])];
}
