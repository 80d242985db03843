import { debianSeries, traitsOf } from "../config/series.ts";
import { hasMoreSources } from "../model/apt.ts";
import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

export const untriedSeries: Rule = {
  name: "untried-series",
  severity: "warning",
  firesOn: "a series of RabbitMQ that warren's tests don't run",
  reason:
    "Warren knows this series only from RabbitMQ's release notes. No test has installed it, so upgrades, failover and limits may differ.",
  remedy: "rehearse the stack first (`./warren lab -s STACK --name rehearsal`), or use a series that Debian ships",
  source: "RabbitMQ's release notes of 4.1 and 4.2; infra/config/series.ts",
  find: (model, config) =>
    model.clusters
      .filter(({ series }) => !traitsOf(series).tried)
      // Without a source the series can't be installed at all, which another rule reports.
      .filter(({ members }) => members.every(({ host }) => hasMoreSources(config, host)))
      .map(({ name, series }) => ({
        path: `warren:brokers.${name}.series`,
        message: `warren's tests don't run RabbitMQ ${series}, only ${list(debianSeries)}`,
      })),
};
