import type { Config as AnnouncerConfig } from "../../agents/announcer/config.ts";
import { type Config as DispatcherConfig, configSchema as dispatcherSchema } from "../../agents/dispatcher/config.ts";
import { ledgerQueueAt, markerTopicDefault } from "../../agents/lib/dispatch-topics.ts";
import { type Config as PullerConfig, configSchema as pullerSchema } from "../../agents/puller/config.ts";
import { dispatcherKeys, pullerKeys } from "../config/announcements.ts";
import type { StackConfig } from "../config/index.ts";
import {
  acrossNetwork,
  agentPart,
  agentPassword,
  brokerHosts,
  inOrderOf,
  type Own,
  productAccount,
  serviceAccount,
} from "./agent-part.ts";
import { hasPullers, queueTypeOf, sharedTopics } from "./agent-queues.ts";
import { productUrlPath } from "./apache.ts";
import { dispatchedClusterOf, isDispatcherHost, worseDispatchers } from "./dispatchers.ts";
import { brokerUnit, dispatcherUnit, pullerUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { standBackProgram } from "./stand-back.ts";

/** Agents on the road of the announcements: their broker, found in one way or another. */
function atAnnouncements(context: PartContext, own?: { readonly cluster: string; readonly hosts: readonly string[] }) {
  const { config } = context;
  const { broker, logLevel } = config.announcements;
  const found = own ?? { cluster: broker, hosts: brokerHosts(context, broker) };
  return { broker: found, credentials: [agentPassword(config)], logLevel };
}

/**
 * Seconds before the loss of a connection of which announcements are sent again, though the broker had taken them. Of two mirrored members that
 * were cut off from each other one throws away what it has taken since: a cut may last so long. Quorum queues keep what they confirm.
 */
const reannounceSeconds = 600;

function reannounced({ brokers, announcements }: StackConfig): Pick<Own<AnnouncerConfig>, "reannounceSeconds"> {
  const broker = brokers[announcements.broker];
  const isMirrored = broker && broker.members.length > 1 && queueTypeOf(broker) === "classic";
  return isMirrored ? { reannounceSeconds } : {};
}

/** What announcements may name: the radar servers of the stack as `announcerPart` has them, and what the config adds. */
const allowedHosts = ({ hosts, announcements }: StackConfig): string[] => [
  ...Object.keys(hosts)
    .filter((name) => hosts[name]?.roles.includes("urp"))
    .map((name) => `${name}:80`),
  ...announcements.allowedHosts,
];

/** A radar server: the announcer says when a product has come. */
export function announcerPart(context: PartContext): HostPart {
  const { announcements } = context.config;
  const own: Own<AnnouncerConfig> = {
    exchange: announcements.exchange,
    topicPrefix: announcements.inputTopic,
    rootDirectory: announcements.productRoot,
    pathPrefix: productUrlPath(announcements.productRoot).replaceAll("/", ""),
    baseUrl: `http://${context.host}/`,
    ...reannounced(context.config),
  };
  const part = agentPart(context, {
    name: "announcer",
    summary: "announces products where they are made",
    account: productAccount,
    ...atAnnouncements(context),
    own,
  });
  return {
    ...part,
    directories: [
      { path: productAccount.home, owner: "px", group: "px", mode: "0755" },
      { path: announcements.productRoot, owner: "px", group: "px", mode: "0755" },
    ],
    packages: [{ name: "inotify-tools" }],
  };
}

/** A broker host: the dispatcher works where the virtual IP is, and speaks to the broker beside it first. */
export function dispatcherPart(context: PartContext): HostPart {
  const { config, host } = context;
  const { announcements } = config;
  const cluster = dispatchedClusterOf(config, host);
  const broker = cluster === undefined ? undefined : config.brokers[cluster];
  if (!broker || cluster === undefined || !isDispatcherHost(config, host)) return {};
  const vip = broker.virtualIp ? config.virtualIps[broker.virtualIp] : undefined;
  const others = broker.members.filter((member) => member !== host);
  const own: Own<DispatcherConfig> = {
    ...dispatcherKeys.parse(announcements),
    ...sharedTopics,
    markerTopic: markerTopicDefault,
    outputQueues: [announcements.pullQueue],
    hostName: host,
    ledgerQueue: ledgerQueueAt(host),
    ...(vip ? { vip: { address: vip.address } } : {}),
    prefetch: announcements.dispatcherPrefetch,
    receipts: hasPullers(config),
  };
  return agentPart(context, {
    name: "dispatcher",
    summary: "the first arrival of each product goes out, once",
    account: serviceAccount,
    ...atAnnouncements(context, {
      cluster,
      hosts: [
        // What doesn't leave the host needs no TLS.
        `127.0.0.1:${broker.port}`,
        ...others.map((member) => acrossNetwork(broker, config.hosts[member]?.address ?? member)),
      ],
    }),
    // What went out is told apart from what didn't by the time. Where no unit waits for that to be right (chrony-wait or
    // systemd-time-wait-sync, enabled), this waits for nothing.
    after: `${brokerUnit} time-sync.target`,
    // A hung one holds the address: it is ended, and the other host takes over. A host that migrates stands still for seconds without a fault.
    watchdogSeconds: vip?.timing === "migrating" ? 20 : 5,
    standBack: vip?.priorities[host] === undefined ? "" : standBackProgram,
    turn: worseDispatchers(config, host).map((other) => `${other} ${dispatcherUnit}`),
    own: inOrderOf(dispatcherSchema, own),
  });
}

/** A puller's own default, and less where names are forgotten sooner. */
const placedRememberedSecondsMax = pullerSchema.shape.placedRememberedSeconds.parse(undefined);
const shareOfDedupWindow = 4;

const placedRememberedSeconds = ({ announcements }: StackConfig): number =>
  announcements.placedRememberedSeconds ??
  Math.min(placedRememberedSecondsMax, Math.floor(announcements.dedupWindowSeconds / shareOfDedupWindow));

/** Pullers take a new program one at a time: one with which the first doesn't come up stops at that. */
function pullerBefore({ config, host }: PartContext): string[] {
  const pullers = Object.keys(config.hosts).filter((name) => config.hosts[name]?.roles.includes("pds"));
  const before = pullers[pullers.indexOf(host) - 1];
  return before === undefined ? [] : [`${before} ${pullerUnit}`];
}

/** A pulling server: fetches what is announced, one at a time, into its receiver queue. */
export function pullerPart(context: PartContext): HostPart {
  const { announcements } = context.config;
  const own: Own<PullerConfig> = {
    ...pullerKeys.parse(announcements),
    ...sharedTopics,
    queue: announcements.pullQueue,
    bindingKeys: [`${announcements.notifyTopic}.#`, `${sharedTopics.twinTopic}.#`],
    receiverQueueDirectory: announcements.receiverDirectory,
    allowedHosts: allowedHosts(context.config),
    placedRememberedSeconds: placedRememberedSeconds(context.config),
  };
  const part = agentPart(context, {
    name: "puller",
    summary: "pulls announced products into the receiver queue",
    account: productAccount,
    ...atAnnouncements(context),
    writable: announcements.receiverDirectory,
    turnAsked: pullerBefore(context),
    own: inOrderOf(pullerSchema, own),
  });
  return {
    ...part,
    directories: [
      { path: productAccount.home, owner: "px", group: "px", mode: "0755" },
      { path: announcements.receiverDirectory, owner: "px", group: "px", mode: "0755" },
    ],
  };
}
