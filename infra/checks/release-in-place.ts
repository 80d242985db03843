import type { Rule } from "./rule.ts";

export const releaseInPlace: Rule = {
  name: "release-in-place",
  severity: "error",
  firesOn: "another Debian release for a host that is there (12 to 13)",
  reason:
    "Warren installs packages of a release, it doesn't change the release. Debian's own upgrade would take RabbitMQ from 3.10 to 4.0 at once, on a node that is in service, and 4.0 doesn't start on 3.10's data.",
  remedy:
    "blue/green: add a new host beside it; or take the host out of the stack, `up`, install it anew, and put it in again",
  source: "Debian 13 release notes, upgrades from Debian 12; rabbitmq.com/docs/upgrade, supported upgrade paths",
  find: (_, config, past) =>
    Object.entries(config.hosts).flatMap(([name, host]) => {
      const before = past.releases[name];
      if (before === undefined || before === host.release) return [];
      return [
        {
          path: `warren:hosts.${name}.release`,
          message: `${name} is ${before}; it can't become ${host.release} in place`,
        },
      ];
    }),
};
