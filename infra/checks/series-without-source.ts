import { traitsOf } from "../config/series.ts";
import { hasMoreSources } from "../model/apt.ts";
import type { Rule } from "./rule.ts";

export const seriesWithoutSource: Rule = {
  name: "series-without-source",
  severity: "error",
  firesOn: "a series of RabbitMQ that Debian doesn't ship, on a host without an apt source for it",
  reason:
    "Debian doesn't ship this series. Without a source that has it, `up` fails halfway: apt finds no package that the pin allows.",
  remedy:
    "name a mirror of the team's packages, with its key, under `warren:apt.sources`, or use a series that Debian ships",
  source: "rabbitmq.com/docs/install-debian; infra/config/series.ts",
  find: (model, config) =>
    model.clusters
      .filter(({ series }) => traitsOf(series).packager === "team")
      .flatMap((cluster) =>
        cluster.members
          .filter(({ host }) => !hasMoreSources(config, host))
          .map(({ host }) => ({
            path: `warren:brokers.${cluster.name}.series`,
            message: `${host} has no apt source for RabbitMQ ${cluster.series}`,
          })),
      ),
};
