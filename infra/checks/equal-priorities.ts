import type { Rule } from "./rule.ts";

export const equalPriorities: Rule = {
  name: "equal-priorities",
  severity: "error",
  firesOn: "two hosts with the same VRRP priority for a virtual IP",
  reason:
    "VRRP breaks a tie in favour of the higher address, but only after both hosts have held the virtual IP for a while.",
  remedy: "give each host a priority of its own",
  source: 'the requirement, "BUNNY-OP and dd_dispatcher.py" (both at 150); RFC 5798, 6.4.3',
  find: (_, config) =>
    Object.entries(config.virtualIps)
      .filter(([, vip]) => new Set(Object.values(vip.priorities)).size < Object.values(vip.priorities).length)
      .map(([name, vip]) => ({
        path: `warren:virtualIps.${name}.priorities`,
        message: `hosts have equal priorities: ${JSON.stringify(vip.priorities)}`,
      })),
};
