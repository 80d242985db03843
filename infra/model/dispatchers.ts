import type { StackConfig } from "../config/index.ts";

/** Hosts that have a dispatcher: members of the broker that carries the announcements, where nothing is adopted any more. */
export function dispatcherHosts(config: StackConfig): string[] {
  const members = config.brokers[config.announcements.broker]?.members ?? [];
  return members.filter((host) => !config.hosts[host]?.adopted);
}

export const isDispatcherHost = (config: StackConfig, host: string): boolean => dispatcherHosts(config).includes(host);

/**
 * The host whose dispatcher takes its turn before this one's: the next worse for the virtual IP, so that the one that works comes last, and
 * stays as it is where another one doesn't come back. Of hosts that are equal the later in the config goes first.
 */
export function worseDispatchers(config: StackConfig, host: string): string[] {
  const name = config.brokers[config.announcements.broker]?.virtualIp;
  const priorities = (name === undefined ? undefined : config.virtualIps[name]?.priorities) ?? {};
  const turns = dispatcherHosts(config)
    .toReversed()
    .toSorted((a, b) => (priorities[a] ?? 0) - (priorities[b] ?? 0));
  const before = turns[turns.indexOf(host) - 1];
  return before === undefined ? [] : [before];
}
