import type { Config as AnnouncerConfig } from "../../agents/announcer/config.ts";
import { type Config as DispatcherConfig, configSchema as dispatcherSchema } from "../../agents/dispatcher/config.ts";
import { ledgerQueueAt, markerTopicDefault } from "../../agents/lib/dispatch-topics.ts";
import { type Config as PullerConfig, configSchema as pullerSchema } from "../../agents/puller/config.ts";
import { dispatcherKeys, pullerKeys } from "../config/announcements.ts";
import { announcedBaseUrl } from "../config/full-names.ts";
import { hostsWith } from "../config/hosts.ts";
import type { StackConfig } from "../config/index.ts";
import type { AgentRole } from "../config/roles.ts";
import {
  acrossNetwork,
  agentPart,
  announcementsPassword,
  brokerHosts,
  inOrderOf,
  type Own,
  productAccount,
  serviceAccount,
} from "./agent-part.ts";
import { auditorHosts, auditTopics, hasPullers, mayDiscard, sharedTopics } from "./agent-queues.ts";
import { productUrlPath } from "./apache.ts";
import { dispatchedClusterOf, isDispatcherHost, worseDispatchers } from "./dispatchers.ts";
import { brokerUnit, dispatcherUnit, pullerUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { standBackProgram } from "./stand-back.ts";

/** Settings of agents on the radar path: their broker, by its address or by `own`. */
export function atAnnouncements(
  context: PartContext,
  role: AgentRole,
  own?: { readonly cluster: string; readonly hosts: readonly string[] },
) {
  const { config } = context;
  const { broker, logLevel } = config.announcements;
  const found = own ?? { cluster: broker, hosts: brokerHosts(context, broker) };
  return { broker: found, credentials: [announcementsPassword(config, role, found.cluster)], logLevel };
}

/**
 * Seconds before the loss of a connection whose announcements are sent again, although the broker had confirmed them. If two mirrored members lose
 * contact, one of them later discards what it has confirmed since; this covers such an outage. Quorum queues keep what they confirm.
 */
const reannounceSeconds = 600;

const reannounced = (config: StackConfig): Pick<Own<AnnouncerConfig>, "reannounceSeconds"> =>
  mayDiscard(config) ? { reannounceSeconds } : {};

/**
 * Hosts that announcements may name: the stack's radar servers as in `announcerPart`, and those of the config. Announcements that were made
 * before a radar server got a full name are still in queues and in journals, so its name in the stack is among them.
 */
const allowedHosts = (config: StackConfig): string[] => {
  const own = hostsWith(config, "urp").flatMap((name) => {
    const { protocol, hostname, port } = new URL(announcedBaseUrl(config, name));
    return [`${name}:80`, `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`];
  });
  return [...new Set([...own, ...config.announcements.allowedHosts])];
};

/** A radar server, with the announcer, which announces new products. */
export function announcerPart(context: PartContext): HostPart {
  const { announcements } = context.config;
  const own: Own<AnnouncerConfig> = {
    exchange: announcements.exchange,
    topicPrefix: announcements.inputTopic,
    topicFileName: announcements.topicFileName,
    rootDirectory: announcements.productRoot,
    pathPrefix: productUrlPath(announcements.productRoot).replaceAll("/", ""),
    baseUrl: announcedBaseUrl(context.config, context.host),
    ...(auditorHosts(context.config).length > 0 ? { announcedTopic: auditTopics.announcedTopic } : {}),
    ...reannounced(context.config),
  };
  const part = agentPart(context, {
    name: "announcer",
    summary: "announces new products of this radar server",
    account: productAccount,
    ...atAnnouncements(context, "announcer"),
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

/** A broker host: the dispatcher is active on the holder of the virtual IP, and connects to the broker on its host first. */
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
    summary: "dispatches the first announcement of each product, once",
    account: serviceAccount,
    ...atAnnouncements(context, "dispatcher", {
      cluster,
      hosts: [
        // Traffic within the host needs no TLS.
        `127.0.0.1:${broker.port}`,
        ...others.map((member) => acrossNetwork(broker, config.hosts[member]?.address ?? member)),
      ],
    }),
    // The time tells published announcements from unpublished ones. If no unit waits for clock synchronisation (chrony-wait or
    // systemd-time-wait-sync, enabled), this waits for nothing.
    after: `${brokerUnit} time-sync.target`,
    // A hung dispatcher keeps the address, so it is killed and the other host takes over. A migrating host may pause for seconds without a fault.
    watchdogSeconds: vip?.timing === "migrating" ? 20 : 5,
    standBack: vip?.priorities[host] === undefined ? "" : standBackProgram,
    turn: worseDispatchers(config, host).map((other) => `${other} ${dispatcherUnit}`),
    own: inOrderOf(dispatcherSchema, own),
  });
}

/** A puller's own default; less if the deduplication window is shorter. */
const placedRememberedSecondsMax = pullerSchema.shape.placedRememberedSeconds.parse(undefined);
const shareOfDedupWindow = 4;

const placedRememberedSeconds = ({ announcements }: StackConfig): number =>
  announcements.placedRememberedSeconds ??
  Math.min(placedRememberedSecondsMax, Math.floor(announcements.dedupWindowSeconds / shareOfDedupWindow));

/** Pullers get a new program one at a time, so that a rollout stops if the first doesn't start with it. */
function pullerBefore({ config, host }: PartContext): string[] {
  const pullers = Object.keys(config.hosts).filter((name) => config.hosts[name]?.roles.includes("pds"));
  const before = pullers[pullers.indexOf(host) - 1];
  return before === undefined ? [] : [`${before} ${pullerUnit}`];
}

/** A pulling server: fetches announced products, one at a time, into its receiver queue. */
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
    ...atAnnouncements(context, "puller"),
    writable: announcements.receiverDirectory,
    afterEnd: true,
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
