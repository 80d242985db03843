import type { Config as AnnouncerConfig } from "../../agents/announcer/config.ts";
import type { Config as DispatcherConfig } from "../../agents/dispatcher/config.ts";
import { type CommonConfig, tlsScheme } from "../../agents/lib/config.ts";
import {
  alternateTopicDefault,
  markerTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../agents/lib/dispatch-topics.ts";
import type { Config as PullerConfig } from "../../agents/puller/config.ts";
import { renderAgentService } from "../../templates/render.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import { passwordOf, type StackConfig } from "../config/index.ts";
import { hasPullers, ledgerQueueOf, queueTypeOf } from "./agent-queues.ts";
import { productUrlPath } from "./apache.ts";
import { isDispatcherHost, worseDispatchers } from "./dispatchers.ts";
import { json, rootFile } from "./files.ts";
import { brokerUnit, dispatcherUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { standBackProgram } from "./stand-back.ts";
import { caFile } from "./tls.ts";

/** Loopback ports of the agents' metrics, one an agent. */
export const metricsPorts = { announcer: 9101, dispatcher: 9102, puller: 9103 } as const;

/** Milliseconds an agent takes at most to settle what it has in hand when it is told to stop. */
const shutdownTimeoutMs = 10_000;

/** The account that owns products and receiver queues, as on the hosts that warren follows. */
const productAccount = { name: "px", home: "/apps/px" };
const serviceAccount = { name: "warren", home: "/var/lib/warren" };

/** What an agent's own config says beyond the common part; what is left out is the agent's default. */
type Own<Config extends CommonConfig> = Partial<Omit<Config, keyof CommonConfig>>;

interface AgentShell {
  readonly name: keyof typeof metricsPorts;
  readonly summary: string;
  readonly account: typeof productAccount;
  /** `host:port` of brokers, tried in turn; after `amqps://` over TLS. */
  readonly brokers: readonly string[];
  readonly after?: string;
  readonly writable?: string;
  /** Seconds without a sign of life after which systemd takes it for hung. */
  readonly watchdogSeconds?: number;
  /** What tells keepalived of its end. */
  readonly standBack?: string;
  /** Units of other hosts, as `HOST UNIT`, that are restarted before. */
  readonly turn?: readonly string[];
  readonly own: object;
}

/** What all agents have: the runtime, the bundle, the config, the password, the unit. */
function agentPart({ config, artifacts }: PartContext, shell: AgentShell): HostPart {
  const { name } = shell;
  const broker = config.brokers[config.announcements.broker];
  const common = {
    broker: {
      hosts: shell.brokers,
      ...(broker?.tls ? { tls: { caFile } } : {}),
      ...(broker ? { queueType: queueTypeOf(broker) } : {}),
      vhost: "/",
      user: "feeder",
      passwordFile: `\${CREDENTIALS_DIRECTORY}/broker-password`,
    },
    metrics: { address: "127.0.0.1", port: metricsPorts[name] },
    log: { level: config.announcements.logLevel },
    shutdownTimeoutMs,
  };
  const files = [
    rootFile(`/etc/warren/${name}.json`, json({ ...common, ...shell.own })),
    rootFile("/etc/warren/secrets/broker-password", passwordOf(config, "feeder"), { mode: "0600", secret: true }),
    rootFile(
      `/etc/systemd/system/warren-${name}.service`,
      renderAgentService({
        name,
        summary: shell.summary,
        user: shell.account.name,
        after: shell.after ?? "",
        writable: shell.writable ?? "",
        watchdogSeconds: shell.watchdogSeconds ?? 30,
        standBack: shell.standBack ?? "",
        // The agent's own deadline passes first.
        stopSeconds: shutdownTimeoutMs / 1000 + 5,
      }),
    ),
  ];
  const place = { owner: "root", group: "root", mode: "0755" };
  const installed = [
    { ...place, name: "node", path: "/opt/warren/node/bin/node", ...artifacts.node },
    { ...place, name, path: `/opt/warren/agents/${name}.mjs`, ...artifacts[name] },
  ];
  return {
    accounts: [shell.account],
    files,
    artifacts: installed,
    units: [
      {
        name: `warren-${name}.service`,
        onChange: "restart",
        reads: [...files, ...installed].map((file) => file.path),
        after: shell.turn ?? [],
        afterBroker: true,
        packaged: false,
      },
    ],
  };
}

/** Where agents find the broker: its virtual IP, else its members. */
function brokerHosts({ config }: PartContext): string[] {
  const broker = config.brokers[config.announcements.broker];
  if (!broker) return [];
  const vip = broker.virtualIp ? config.virtualIps[broker.virtualIp] : undefined;
  const addresses = vip ? [vip.address] : broker.members.map((host) => config.hosts[host]?.address ?? host);
  return addresses.map((address) => acrossNetwork(broker, address));
}

/** A broker on another host: over TLS where it has it, whatever else it takes. */
const acrossNetwork = ({ tls, tlsPort, port }: BrokerConfig, address: string): string =>
  tls ? `${tlsScheme}${address}:${tlsPort}` : `${address}:${port}`;

/** What dispatchers and pullers say to each other goes under these. */
const sharedTopics = {
  alternateTopic: alternateTopicDefault,
  twinTopic: twinTopicDefault,
  pulledTopic: pulledTopicDefault,
} as const;

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
    brokers: brokerHosts(context),
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
  const broker = config.brokers[announcements.broker];
  if (!broker || !isDispatcherHost(config, host)) return {};
  const vip = broker.virtualIp ? config.virtualIps[broker.virtualIp] : undefined;
  const others = broker.members.filter((member) => member !== host);
  const own: Own<DispatcherConfig> = {
    exchange: announcements.exchange,
    inputQueue: announcements.inputQueue,
    inputTopic: announcements.inputTopic,
    notifyTopic: announcements.notifyTopic,
    ...sharedTopics,
    markerTopic: markerTopicDefault,
    outputQueues: [announcements.pullQueue],
    hostName: host,
    ledgerQueue: ledgerQueueOf(host),
    ...(vip ? { vip: { address: vip.address } } : {}),
    dedupWindowSeconds: announcements.dedupWindowSeconds,
    entriesMax: announcements.entriesMax,
    prefetch: announcements.dispatcherPrefetch,
    receipts: hasPullers(config),
    doubtSeconds: announcements.doubtSeconds,
    silenceSeconds: announcements.silenceSeconds,
  };
  return agentPart(context, {
    name: "dispatcher",
    summary: "the first arrival of each product goes out, once",
    account: serviceAccount,
    // What doesn't leave the host needs no TLS.
    brokers: [
      `127.0.0.1:${broker.port}`,
      ...others.map((member) => acrossNetwork(broker, config.hosts[member]?.address ?? member)),
    ],
    // What went out is told apart from what didn't by the time. Where no unit waits for that to be right (chrony-wait or
    // systemd-time-wait-sync, enabled), this waits for nothing.
    after: `${brokerUnit} time-sync.target`,
    // A hung one holds the address: it is ended, and the other host takes over. A host that migrates stands still for seconds without a fault.
    watchdogSeconds: vip?.timing === "migrating" ? 20 : 5,
    standBack: vip?.priorities[host] === undefined ? "" : standBackProgram,
    turn: worseDispatchers(config, host).map((other) => `${other} ${dispatcherUnit}`),
    own,
  });
}

/** A puller's own default, and less where names are forgotten sooner. */
const placedRememberedSecondsMax = 1800;
const shareOfDedupWindow = 4;

const placedRememberedSeconds = ({ announcements }: StackConfig): number =>
  announcements.placedRememberedSeconds ??
  Math.min(placedRememberedSecondsMax, Math.floor(announcements.dedupWindowSeconds / shareOfDedupWindow));

/** A pulling server: fetches what is announced, one at a time, into its receiver queue. */
export function pullerPart(context: PartContext): HostPart {
  const { announcements } = context.config;
  const own: Own<PullerConfig> = {
    exchange: announcements.exchange,
    queue: announcements.pullQueue,
    bindingKeys: [`${announcements.notifyTopic}.#`, `${sharedTopics.twinTopic}.#`],
    notifyTopic: announcements.notifyTopic,
    ...sharedTopics,
    alternates: announcements.alternates,
    receiverQueueDirectory: announcements.receiverDirectory,
    placedRememberedSeconds: placedRememberedSeconds(context.config),
    pullTimeoutMs: announcements.pullTimeoutMs,
  };
  const part = agentPart(context, {
    name: "puller",
    summary: "pulls announced products into the receiver queue",
    account: productAccount,
    brokers: brokerHosts(context),
    writable: announcements.receiverDirectory,
    own,
  });
  return {
    ...part,
    directories: [
      { path: productAccount.home, owner: "px", group: "px", mode: "0755" },
      { path: announcements.receiverDirectory, owner: "px", group: "px", mode: "0755" },
    ],
  };
}
