import type { StackConfig } from "../config/index.ts";
import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

/** Assumed where the virtual IP gives no subnet (32 is an address alone). The config has no subnets of hosts; most segments are a /24. */
const plausibleLength = 24;

export const virtualIpOutsideSubnet: Rule = {
  name: "virtual-ip-outside-subnet",
  severity: "warning",
  firesOn: "a virtual IP outside the subnet of a host that can hold it",
  reason:
    "Routers look for an address by ARP on the segment of its subnet. An address of another subnet is unreachable, however well keepalived moves it between hosts.",
  remedy: "use an address of the hosts' subnet; if their subnet is larger than /24, set `prefixLength`",
  source: "RFC 5798, 1.6 and 8.1.2; RFC 1122, 3.3.1.1",
  find: (_, config) =>
    Object.entries(config.virtualIps).flatMap(([name, vip]) => {
      const length = vip.prefixLength < 32 ? vip.prefixLength : plausibleLength;
      const outside = Object.keys(vip.priorities).filter((host) => isOutside(config, host, vip.address, length));
      if (outside.length === 0) return [];
      return [
        {
          path: `warren:virtualIps.${name}.address`,
          message: `${vip.address} isn't in the same /${length} as ${list(outside)}`,
        },
      ];
    }),
};

function isOutside(config: StackConfig, host: string, address: string, length: number): boolean {
  const own = config.hosts[host]?.address;
  return own !== undefined && networkOf(own, length) !== networkOf(address, length);
}

function networkOf(address: string, length: number): number {
  const number = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  return Math.floor(number / 2 ** (32 - length));
}
