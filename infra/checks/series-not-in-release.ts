import { debianSeries, traitsOf } from "../config/series.ts";
import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

export const seriesNotInRelease: Rule = {
  name: "series-not-in-release",
  severity: "error",
  firesOn: "a series of RabbitMQ on a host whose Debian release doesn't ship it",
  reason:
    "Each Debian release ships one series of RabbitMQ. A pin to another series leaves the host without a package, half-way through `up`.",
  remedy: "use hosts of the release that ships the series, or the series of the hosts' release",
  source: "packages.debian.org/rabbitmq-server; infra/config/series.ts",
  find: (model, config) =>
    model.clusters.flatMap((cluster) => {
      const { release, packager } = traitsOf(cluster.series);
      return cluster.members.flatMap(({ host }) => {
        const own = config.hosts[host]?.release;
        if (own === undefined || own === release) return [];
        const has = debianSeries.filter((series) => traitsOf(series).release === own);
        return [
          {
            path: `warren:hosts.${host}.release`,
            message: `${cluster.name} needs RabbitMQ ${cluster.series}, which ${packager === "debian" ? `${release} ships` : `is packaged for ${release}`}; ${host} runs ${own}, which ships ${list(has)}`,
          },
        ];
      });
    }),
};
