import type { StackConfig } from "../config/index.ts";
import { seriesNames } from "../config/series.ts";

/** The clusters that announcements are dispatched at: the one that carries them, and the one that is to take its place. */
export function dispatchingClusters({ announcements: { broker, beside } }: StackConfig): string[] {
  return beside === undefined ? [broker] : [broker, beside];
}

/**
 * Of two clusters the one whose shovels carry messages from one to the other, in both directions: the newer one, so that the older one is not
 * restarted for it. Undefined where there is one cluster alone.
 */
export function carrierOf(config: StackConfig): string | undefined {
  const { broker, beside } = config.announcements;
  if (beside === undefined) return undefined;
  const ageOf = (cluster: string) => seriesNames.indexOf(config.brokers[cluster]?.series ?? "3.10");
  return ageOf(broker) > ageOf(beside) ? broker : beside;
}

/** Hosts that have a dispatcher: members of these clusters, all of them unless given, where nothing is adopted any more. */
export function dispatcherHosts(config: StackConfig, clusters = dispatchingClusters(config)): string[] {
  const members = clusters.flatMap((cluster) => config.brokers[cluster]?.members ?? []);
  return members.filter((host) => !config.hosts[host]?.adopted);
}

/** The cluster that a host's dispatcher works at: its own. */
export const dispatchedClusterOf = (config: StackConfig, host: string): string | undefined =>
  dispatchingClusters(config).find((cluster) => config.brokers[cluster]?.members.includes(host));

export const isDispatcherHost = (config: StackConfig, host: string): boolean => dispatcherHosts(config).includes(host);

/**
 * The host whose dispatcher takes its turn before this one's: the next worse for the virtual IP, so that the one that works comes last, and
 * stays as it is where another one doesn't come back. Of hosts that are equal the later in the config goes first.
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
