import type { StackConfig } from "../config/index.ts";
import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

/** Of the hosts' subnet where the virtual IP says nothing (32 is an address alone). Hosts' own lengths are in no config; most segments have this one. */
const plausibleLength = 24;

export const virtualIpOutsideSubnet: Rule = {
  name: "virtual-ip-outside-subnet",
  severity: "warning",
  firesOn: "a virtual IP outside the subnet of a host that may hold it",
  reason:
    "Routers look for an address by ARP on the segment that its subnet is on. An address of another subnet is held by a host and found by nobody, however well keepalived moves it.",
  remedy: "take an address of the hosts' subnet; if their subnet is larger than /24, say `prefixLength`",
  source: "RFC 5798, 1.6 and 8.1.2; RFC 1122, 3.3.1.1",
  find: (_, config) =>
    Object.entries(config.virtualIps).flatMap(([name, vip]) => {
      const length = vip.prefixLength < 32 ? vip.prefixLength : plausibleLength;
      const outside = Object.keys(vip.priorities).filter((host) => isOutside(config, host, vip.address, length));
      if (outside.length === 0) return [];
      return [
        {
          path: `warren:virtualIps.${name}.address`,
          message: `${vip.address} isn't in one /${length} with ${list(outside)}`,
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
