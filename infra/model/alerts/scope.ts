import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import { hostsWith, type Role } from "../../config/hosts.ts";
import type { StackConfig } from "../../config/index.ts";
import { knownQueues } from "../agent-queues.ts";
import { deliveryPlaces, notifyPlaces } from "../delivery.ts";
import { dispatcherHosts } from "../dispatchers.ts";
import { clientsOf, publicServers } from "../public-servers.ts";
import { subscriberQueueOf } from "../subscriber.ts";
import { virtualIpModels } from "../virtual-ips.ts";

/** What a stack has that alerts can fire on, and its times. */
export interface AlertScope {
  readonly announcers: readonly string[];
  readonly pullers: readonly string[];
  /** Hosts with a dispatcher. They share one virtual IP, so one of them is active. */
  readonly dispatchers: readonly string[];
  readonly clusters: readonly { readonly name: string; readonly members: readonly string[] }[];
  readonly virtualIps: readonly {
    readonly name: string;
    readonly address: string;
    readonly hosts: readonly string[];
  }[];
  /** Names of the agents that deliver to public data servers, and of those that announce what was delivered. */
  readonly deliveries: readonly string[];
  readonly notifiers: readonly string[];
  readonly publicServers: readonly string[];
  /** Queues that must have a consumer. */
  readonly consumedQueues: readonly string[];
  /** Seconds without any announcement after which something is wrong. */
  readonly silenceSeconds: number;
  /** A window for `increase` and the like, e.g. `600s`. */
  window(seconds: number): string;
  /** The time for which an expression must hold, e.g. `60s`; `0s` stays. */
  hold(seconds: number): string;
  /** An evaluation interval: as a window, but two scrapes are enough. */
  interval(seconds: number): string;
}

/** Seconds between two scrapes of a target; see `scrape_interval` in prometheus.yml. */
export const scrapeSeconds = 5;

/**
 * A window that bridges missed scrapes. When a scrape fails, Prometheus ends the target's series at once, so an expression about "none" would
 * hold although nothing has changed. This finds the last value within four scrapes, of which two may fail.
 */
export const bridge = `${4 * scrapeSeconds}s`;

/**
 * Fewer than half of the hosts answer: then it is the monitor that is cut off, and what it does not see says nothing about the flow. `MonitorIsolated`
 * reports that instead.
 */
export const monitorSees = 'and on () (avg(up{job="node"}) >= 0.5)';

/** A regular expression that matches exactly these texts, for a label matcher in double quotes. */
export const anyOf = (texts: readonly string[]): string =>
  texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\\\$&")).join("|");

/** @param timeScale factor of all times, e.g. 0.1 in tests; windows keep at least four scrapes, other times two */
export function alertScope(config: StackConfig, timeScale: number): AlertScope {
  const { brokers, announcements } = config;
  const having = (role: Role) => hostsWith(config, role);
  const servers = publicServers(config);
  const clientQueues = servers.flatMap((server) => clientsOf(config, server).map(subscriberQueueOf));
  const agentQueues = Object.keys(brokers).flatMap((cluster) => knownQueues(config, cluster));
  const scaled = (seconds: number, scrapesMin: number) =>
    `${Math.max(scrapesMin * scrapeSeconds, Math.round(seconds * timeScale))}s`;
  return {
    announcers: having("urp"),
    pullers: having("pds"),
    dispatchers: dispatcherHosts(config),
    clusters: Object.entries(brokers).map(([name, { members }]) => ({ name, members })),
    virtualIps: virtualIpModels(config),
    deliveries: deliveryPlaces(config).map(({ name }) => name),
    notifiers: notifyPlaces(config).map(({ name }) => name),
    publicServers: servers.map(({ host }) => host),
    consumedQueues: [...new Set([...agentQueues, ...clientQueues])].filter((name) => name !== deadLetterQueue),
    silenceSeconds: Math.max(silenceSecondsMin, announcements.silenceSeconds),
    window: (seconds) => scaled(seconds, 4),
    hold: (seconds) => (seconds === 0 ? "0s" : scaled(seconds, 2)),
    interval: (seconds) => scaled(seconds, 1),
  };
}

/** Radar servers make products every six minutes at least: fifteen minutes is twice that, and the time for a restart. */
const silenceSecondsMin = 900;
