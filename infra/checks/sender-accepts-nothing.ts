import { dataServers } from "../config/data-servers.ts";
import type { Rule } from "./rule.ts";

export const senderAcceptsNothing: Rule = {
  name: "sender-accepts-nothing",
  severity: "error",
  firesOn:
    "a sender (`datamart.delivery`) whose rules accept no file, e.g. one imported from a conf of which only the beginning was known",
  reason: "A sender removes the files that its rules don't accept: it would empty its txq and deliver nothing.",
  remedy:
    "add the conf's accept lines to its rules, each with its directory: `{ accept: '^CA', directory: bulletins }`",
  source: 'the requirement, "Notifications for DD" (wxo-b1-oper-dd.conf)',
  find: (_, config) =>
    dataServers(config).flatMap(({ path, config: { delivery } }) => {
      if (!delivery) return [];
      const senders = Object.entries(delivery.senders).map(([name, { rules }]) => [`senders.${name}`, rules] as const);
      return [...senders, ["notify", delivery.notify.rules] as const].flatMap(([at, rules]) =>
        rules.some(({ accept }) => accept !== undefined)
          ? []
          : [{ path: `warren:${path}.delivery.${at}.rules`, message: `none of ${rules.length} rules accepts a file` }],
      );
    }),
};
