import type { Rule } from "./rule.ts";

export const openVrrp: Rule = {
  name: "open-vrrp",
  severity: "warning",
  firesOn: "a virtual IP with VRRP version 2 (`vrrp2`)",
  reason:
    "Each advert has the password in the clear, and goes to every host of the segment, any of which can take the address with it. A failed host is missed after three seconds, not after 0.7.",
  remedy: "remove `vrrp2` once no host of this address has the old keepalived.conf",
  source: 'the requirement, "BUNNY-OP and dd_dispatcher.py" (auth_pass); RFC 3768, 10 (why authentication was removed)',
  find: (_, config) =>
    Object.entries(config.virtualIps)
      .filter(([, { vrrp2 }]) => vrrp2 !== undefined)
      .map(([name, { interface: device }]) => ({
        path: `warren:virtualIps.${name}.vrrp2`,
        message: `hosts on the segment of ${device} can read the password and take the address`,
      })),
};
