import { rabbitmqSeries, traitsOf } from "../config/series.ts";
import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

export const seriesNotInRelease: Rule = {
  name: "series-not-in-release",
  severity: "error",
  firesOn: "a series of RabbitMQ on a host whose Debian release doesn't have it",
  reason:
    "apt has one series of RabbitMQ a release. The pin of another one leaves the host without a package, half way through `up`.",
  remedy: "take hosts of the series' release, or the release's series",
  source: "packages.debian.org/rabbitmq-server; infra/config/series.ts",
  find: (model, config) =>
    model.clusters.flatMap((cluster) => {
      const { release } = traitsOf(cluster.series);
      return cluster.members.flatMap(({ host }) => {
        const own = config.hosts[host]?.release;
        if (own === undefined || own === release) return [];
        const has = Object.entries(rabbitmqSeries).filter(([, traits]) => traits.release === own);
        return [
          {
            path: `warren:hosts.${host}.release`,
            message: `${cluster.name} wants RabbitMQ ${cluster.series}, which ${release} has; ${host} is ${own}, which has ${list(has.map(([name]) => name))}`,
          },
        ];
      });
    }),
};
