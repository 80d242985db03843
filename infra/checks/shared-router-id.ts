import type { Rule } from "./rule.ts";

export const sharedRouterId: Rule = {
  name: "shared-router-id",
  severity: "error",
  firesOn: "two virtual IPs with one router id on one segment",
  reason: "Two virtual routers with one id on a segment take each other's adverts for their own: both addresses flap.",
  remedy: "give each virtual IP a router id of its own, 1 to 255",
  source: "RFC 5798, 5.2.3",
  find: (_, config) => {
    const owners = new Map<string, string>();
    return Object.entries(config.virtualIps).flatMap(([name, vip]) => {
      const key = `${vip.interface} ${vip.routerId}`;
      const owner = owners.get(key);
      owners.set(key, owner ?? name);
      if (!owner) return [];
      return [
        {
          path: `warren:virtualIps.${name}.routerId`,
          message: `${vip.routerId} is ${owner}'s on ${vip.interface} already`,
        },
      ];
    });
  },
};
