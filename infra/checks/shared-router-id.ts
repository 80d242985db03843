import type { Rule } from "./rule.ts";

export const sharedRouterId: Rule = {
  name: "shared-router-id",
  severity: "error",
  firesOn: "two virtual IPs with the same router id on one segment",
  reason:
    "Virtual routers with the same id on a segment mistake each other's adverts for their own, and both addresses flap.",
  remedy: "give each virtual IP a different router id, 1 to 255",
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
          message: `router id ${vip.routerId} on ${vip.interface} is already used by ${owner}`,
        },
      ];
    });
  },
};
