import { keepalivedUnit } from "../model/names.ts";
import type { EnvironmentModel, HostModel, VirtualIpModel } from "../model/types.ts";
import { addressesOf, type HostDrifts } from "./host-drifts.ts";
import type { Observations } from "./index.ts";

/** A virtual IP on no host, where a restart of keepalived would bring it back. */
export interface Unheld {
  readonly host: string;
  readonly address: string;
}

/**
 * Virtual IPs that nobody holds, each with the best host where everything that keepalived needs is as it should be: what else is wrong there is
 * mended first, and the address comes back by that. Nothing is said of an address while one of its hosts can't be asked.
 */
export function unheldAddresses(model: EnvironmentModel, observations: Observations, drifts: HostDrifts): Unheld[] {
  return model.virtualIps.flatMap((vip) => {
    const holders = holdersOf(vip, observations);
    if (!holders || holders.length > 0) return [];
    const host = vip.hosts.find((name) => !drifts.get(name)?.size && keepsAddress(model, name));
    return host === undefined ? [] : [{ host, address: vip.address }];
  });
}

const keepsAddress = (model: EnvironmentModel, name: string): boolean =>
  model.hosts.some((host) => host.name === name && host.units.some((unit) => unit.name === keepalivedUnit));

/** Virtual IPs that two hosts hold, in words. One is right for the moment in which it moves; longer, clients are torn between them. */
export function doublyHeldAddresses(model: EnvironmentModel, observations: Observations): string[] {
  return model.virtualIps.flatMap((vip) => {
    const holders = allHoldersOf(vip, observations);
    return holders.length < 2
      ? []
      : [`${vip.address} (${vip.name}) is on ${holders.length} hosts: ${holders.join(" and ")}`];
  });
}

/** Addresses on hosts of virtual IPs that are neither the host's own nor a virtual IP of the model. */
export function unmanagedAddresses(model: EnvironmentModel, observations: Observations): string[] {
  const known = new Set([
    ...model.virtualIps.map((vip) => vip.address),
    ...model.hosts.map((host: HostModel) => host.connection.address),
  ]);
  const hosts = new Set(model.virtualIps.flatMap((vip) => vip.hosts));
  return [...hosts].flatMap((host) =>
    (addressesOf(observations, host) ?? []).flatMap((address) =>
      known.has(address) ? [] : [`address ${address} on ${host}`],
    ),
  );
}

/** undefined where one of its hosts can't be asked: it may be there. */
function holdersOf(vip: VirtualIpModel, observations: Observations): string[] | undefined {
  if (vip.hosts.some((host) => addressesOf(observations, host) === undefined)) return undefined;
  return allHoldersOf(vip, observations);
}

const allHoldersOf = (vip: VirtualIpModel, observations: Observations): string[] =>
  [...observations.keys()].filter((host) => addressesOf(observations, host)?.includes(vip.address));
