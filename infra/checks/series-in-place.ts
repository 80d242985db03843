import { traitsOf } from "../config/series.ts";
import type { Rule } from "./rule.ts";

export const seriesInPlace: Rule = {
  name: "series-in-place",
  severity: "error",
  firesOn: "another series of RabbitMQ for an existing cluster (3.10 to 4.0)",
  reason:
    "A node of 4.0 doesn't start on data of 3.10: 3.13 and its feature flags lie between them. 4.0 has no mirroring that could carry the queues over, and there is no way back.",
  remedy:
    "blue/green: add a second cluster with hosts of its own, move the announcements there with `./warren upgrade`, then remove the first cluster",
  source: "rabbitmq.com/docs/upgrade, supported upgrade paths; RabbitMQ 4.0 release notes, upgrading",
  find: (model, _, past) =>
    model.clusters.flatMap((cluster) => {
      const before = past.series[cluster.name];
      if (before === undefined || before === cluster.series) return [];
      return [
        {
          path: `warren:brokers.${cluster.name}.series`,
          message: `${cluster.name} runs ${before} and can't be changed to ${cluster.series} (Debian ${traitsOf(cluster.series).release}) in place`,
        },
      ];
    }),
};
