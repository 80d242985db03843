import type { StackConfig } from "../config/index.ts";
import type { VirtualIpModel } from "./types.ts";

/** Whether this host can hold a virtual IP. */
export const mayHoldAddress = (config: StackConfig, host: string): boolean =>
  Object.values(config.virtualIps).some(({ priorities }) => priorities[host] !== undefined);

/** The virtual IPs of a stack, with the hosts that can hold them. */
export function virtualIpModels(config: StackConfig): VirtualIpModel[] {
  return Object.entries(config.virtualIps).map(([name, { address, priorities }]) => ({
    name,
    address,
    hosts: Object.entries(priorities)
      .toSorted(([, a], [, b]) => b - a)
      .map(([host]) => host),
  }));
}
