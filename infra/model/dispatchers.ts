import type { StackConfig } from "../config/index.ts";
import { seriesNames } from "../config/series.ts";

/** The clusters with dispatchers: the one that carries the announcements, and its successor or predecessor. */
export function dispatchingClusters({ announcements: { broker, beside } }: StackConfig): string[] {
  return beside === undefined ? [broker] : [broker, beside];
}

/**
 * Of two clusters the one whose shovels carry messages between them, in both directions: the newer one, so that the older one is not restarted for
 * it. Undefined if there is only one cluster.
 */
export function carrierOf(config: StackConfig): string | undefined {
  const { broker, beside } = config.announcements;
  if (beside === undefined) return undefined;
  const ageOf = (cluster: string) => seriesNames.indexOf(config.brokers[cluster]?.series ?? "3.10");
  return ageOf(broker) > ageOf(beside) ? broker : beside;
}

/** Hosts with a dispatcher: members of these clusters (default: all dispatching clusters) that are not adopted. */
export function dispatcherHosts(config: StackConfig, clusters = dispatchingClusters(config)): string[] {
  const members = clusters.flatMap((cluster) => config.brokers[cluster]?.members ?? []);
  return members.filter((host) => !config.hosts[host]?.adopted);
}

/** The cluster of a host's dispatcher: the host's own. */
export const dispatchedClusterOf = (config: StackConfig, host: string): string | undefined =>
  dispatchingClusters(config).find((cluster) => config.brokers[cluster]?.members.includes(host));

export const isDispatcherHost = (config: StackConfig, host: string): boolean => dispatcherHosts(config).includes(host);

/**
 * The host whose dispatcher restarts before this one's: the one with the next lower priority for the virtual IP. So the active dispatcher restarts
 * last, and is left alone if another one doesn't start. Of hosts with equal priority, the later in the config restarts first.
 */
export function worseDispatchers(config: StackConfig, host: string): string[] {
  const name = config.brokers[config.announcements.broker]?.virtualIp;
  const priorities = (name === undefined ? undefined : config.virtualIps[name]?.priorities) ?? {};
  const own = dispatchedClusterOf(config, host);
  const turns = dispatcherHosts(config, own === undefined ? [] : [own])
    .toReversed()
    .toSorted((a, b) => (priorities[a] ?? 0) - (priorities[b] ?? 0));
  const before = turns[turns.indexOf(host) - 1];
  return before === undefined ? [] : [before];
}
