import { traitsOf } from "../config/series.ts";
import type { Rule } from "./rule.ts";

export const seriesInPlace: Rule = {
  name: "series-in-place",
  severity: "error",
  firesOn: "another series of RabbitMQ for a cluster that is there (3.10 to 4.0)",
  reason:
    "A node of 4.0 doesn't start on the data of 3.10: between them lie 3.13 and its feature flags. Nor is there mirroring to carry the queues over, nor a way back.",
  remedy:
    "blue/green: name a second cluster with hosts of its own, and have `./warren upgrade` move the announcements there; then take the first one out",
  source: "rabbitmq.com/docs/upgrade, supported upgrade paths; RabbitMQ 4.0 release notes, upgrading",
  find: (model, _, past) =>
    model.clusters.flatMap((cluster) => {
      const before = past.series[cluster.name];
      if (before === undefined || before === cluster.series) return [];
      return [
        {
          path: `warren:brokers.${cluster.name}.series`,
          message: `${cluster.name} runs ${before}; it can't become ${cluster.series} (Debian ${traitsOf(cluster.series).release}) where it stands`,
        },
      ];
    }),
};
