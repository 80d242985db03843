import type { Rule } from "./rule.ts";

export const distributionInPlace: Rule = {
  name: "distribution-in-place",
  severity: "error",
  firesOn: "`distributionTls` changed for an existing cluster",
  reason:
    "Members with TLS and members without can't connect to each other. `up` restarts one after the other, so the first one would not find its cluster.",
  remedy:
    "set it back; or blue/green: add a second cluster with hosts of its own and the new value, move the announcements there with `./warren upgrade`, then remove the first cluster",
  source: "Erlang, using TLS for Erlang distribution; rabbitmq.com/docs/clustering-ssl",
  find: (_, { brokers }, past) =>
    Object.entries(brokers).flatMap(([name, { members, distributionTls }]) => {
      const before = past.series[name] === undefined ? distributionTls : past.distribution[name] === "tls";
      if (members.length < 2 || before === distributionTls) return [];
      return [
        {
          path: `warren:brokers.${name}.distributionTls`,
          message: `members of ${name} connect ${before ? "by TLS" : "without TLS"}, which can't be changed one after the other`,
        },
      ];
    }),
};
