import { keepalivedUnit } from "../model/names.ts";
import type { EnvironmentModel, HostModel, VirtualIpModel } from "../model/types.ts";
import { addressesOf, type HostDrifts } from "./host-drifts.ts";
import type { Observations } from "./index.ts";

/** A virtual IP on no host, and the host on which to restart keepalived. */
export interface Unheld {
  readonly host: string;
  readonly address: string;
}

/**
 * Virtual IPs that no host holds, each with the best host without other drift: other drift is repaired first, which may restore the address. An
 * address is skipped while one of its hosts can't be observed.
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

/** Messages about virtual IPs on two hosts. That is normal for a moment during a move; for longer, clients reach one or the other at random. */
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

/** undefined if one of its hosts can't be observed, because that host may hold it. */
function holdersOf(vip: VirtualIpModel, observations: Observations): string[] | undefined {
  if (vip.hosts.some((host) => addressesOf(observations, host) === undefined)) return undefined;
  return allHoldersOf(vip, observations);
}

const allHoldersOf = (vip: VirtualIpModel, observations: Observations): string[] =>
  [...observations.keys()].filter((host) => addressesOf(observations, host)?.includes(vip.address));
