import type { Rule } from "./rule.ts";

export const releaseInPlace: Rule = {
  name: "release-in-place",
  severity: "error",
  firesOn: "another Debian release for an existing host (12 to 13)",
  reason:
    "Warren installs packages of a release; it doesn't upgrade the release. Debian's own upgrade would take RabbitMQ from 3.10 directly to 4.0 on a node that is in service, and 4.0 doesn't start on data of 3.10.",
  remedy:
    "blue/green: add a new host beside it; or remove the host from the stack, run `up`, reinstall it, and add it again",
  source: "Debian 13 release notes, upgrades from Debian 12; rabbitmq.com/docs/upgrade, supported upgrade paths",
  find: (_, config, past) =>
    Object.entries(config.hosts).flatMap(([name, host]) => {
      const before = past.releases[name];
      if (before === undefined || before === host.release) return [];
      return [
        {
          path: `warren:hosts.${name}.release`,
          message: `${name} runs ${before} and can't be changed to ${host.release} in place`,
        },
      ];
    }),
};
