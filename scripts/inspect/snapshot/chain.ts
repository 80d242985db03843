import { auditQueueAt, ledgerQueueAt } from "../../../agents/lib/dispatch-topics.ts";
import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import { mqttPortOf } from "../../../infra/config/brokers.ts";
import { deliversBy } from "../../../infra/config/data-servers.ts";
import type { Role } from "../../../infra/config/hosts.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { type AgentName, type InstanceName, metricsPorts, productAccount } from "../../../infra/model/agent-part.ts";
import { messageQueueOf } from "../../../infra/model/agent-queues.ts";
import { productUrlPath } from "../../../infra/model/apache.ts";
import { keptQueues } from "../../../infra/model/datamart.ts";
import { deliveryKeyFile, deliveryKnownHosts, deliveryPlaces, notifyPlaces } from "../../../infra/model/delivery.ts";
import { dispatcherHosts } from "../../../infra/model/dispatchers.ts";
import { bridgePlaces, receiverPlaces } from "../../../infra/model/message-agents.ts";
import {
  alertmanagerUnit,
  brokerUnit,
  ftpUnit,
  keepalivedUnit,
  pageProxyUnit,
  prometheusUnit,
} from "../../../infra/model/names.ts";
import { clientsOf, publicServerAt, publicServers } from "../../../infra/model/public-servers.ts";
import { subscriberQueueOf } from "../../../infra/model/subscriber.ts";
import { virtualIpModels } from "../../../infra/model/virtual-ips.ts";

/** An agent on a host: its unit and its port. */
export interface AgentPlace {
  readonly name: AgentName | InstanceName;
  readonly unit: string;
  readonly port: number;
  /** The queues that it consumes, if any. */
  readonly takes?: { readonly broker: string; readonly queues: readonly string[] };
}

export interface ChainHost {
  readonly name: string;
  readonly address: string;
  readonly roles: readonly Role[];
  /** Login name; users other than root use sudo. */
  readonly user: string;
  readonly agents: readonly AgentPlace[];
  /** The broker's port without TLS on loopback; of its members. */
  readonly amqpPort?: number;
  /** The broker's port for MQTT, with TLS if it has that; of its members. */
  readonly mqttPort?: number;
  /** Other units that must run. */
  readonly units: readonly string[];
}

/** The chain from the radar servers to PDS and the public data server path, from the config and without secrets. Snapshots are judged against it. */
export interface Chain {
  readonly stack: string;
  readonly hosts: readonly ChainHost[];
  readonly urps: readonly string[];
  /** Members of the broker; the first is the preferred host of the virtual IP. */
  readonly members: readonly string[];
  readonly dispatchers: readonly string[];
  readonly pdses: readonly string[];
  readonly broker: string;
  readonly vip?: { readonly name: string; readonly address: string };
  readonly productRoot: string;
  /** URL path of the product root, e.g. `/db/`. */
  readonly productUrlPath: string;
  readonly receiverDirectory: string;
  readonly queues: {
    readonly input: string;
    readonly pull: string;
    readonly dead: string;
    /** By the dispatcher's host. */
    readonly ledgers: Readonly<Record<string, string>>;
  };
  readonly silenceSeconds: number;
  /** The paths from px through a public data server to its clients, one for each public data server. */
  readonly publicRoads: readonly PublicRoad[];
}

export interface PublicRoad {
  readonly broker: string;
  /** The only member of that broker, which also stores the products. */
  readonly server: string;
  /** Hosts that deliver. */
  readonly pxes: readonly string[];
  readonly clients: readonly string[];
  /** How px logs in to the server, if it delivers by SFTP. */
  readonly login?: {
    readonly user: string;
    readonly port: number;
    readonly keyFile: string;
    readonly knownHostsFile: string;
  };
  /** Names of the agents that deliver. */
  readonly deliveries: readonly string[];
  /** The agent that announces what they deliver. */
  readonly notifier: AgentPlace["name"];
  /** By agent, the txq that it empties: files to be delivered, or notifications. */
  readonly queueDirectories: Readonly<Record<string, string>>;
  readonly productRoot: string;
  /** The account of the server that owns delivered files. */
  readonly account: string;
  /** Trees below it that are filled by programs other than px. */
  readonly watchedTrees: readonly string[];
  readonly clientDirectory: string;
  /** Whether the stack's clients subscribe to everything that is delivered. */
  readonly clientsHearAll: boolean;
  /** By client. */
  readonly queues: Readonly<Record<string, string>>;
  /** The queue manager handles clients' queues that are longer. */
  readonly messagesMax: number;
  /** Patterns of the queues that are not clients'. */
  readonly keptQueues: readonly string[];
}

/** Whether an agent announces deliveries. */
export const isNotifier = (agent: string): boolean => agent === "dd-notify" || agent.startsWith("notify-");

/** The paths on which a host delivers. */
export const roadsFrom = ({ publicRoads }: Chain, px: string): PublicRoad[] =>
  publicRoads.filter(({ pxes }) => pxes.includes(px));

/** The path to which a public data server or one of its clients belongs. */
export const roadAt = ({ publicRoads }: Chain, host: string): PublicRoad | undefined =>
  publicRoads.find(({ server, clients }) => server === host || clients.includes(host));

/** The txqs of a host that delivers, by the agent that empties each. */
export const queueDirectoriesOf = (chain: Chain, px: string): Readonly<Record<string, string>> =>
  Object.assign({}, ...roadsFrom(chain, px).map(({ queueDirectories }) => queueDirectories));

/** A client's program, which has no port. */
export const subscriberUnit = "warren-subscriber.service";

const agentsOfRole: Readonly<Record<Role, readonly AgentName[]>> = {
  urp: ["announcer"],
  bunny: ["dispatcher"],
  pds: ["puller"],
  px: [],
  dd: ["watcher", "queue-manager"],
  client: [],
  ldap: [],
  monitor: ["auditor", "monitor"],
};

const unitsOfRole: Readonly<Record<Role, readonly string[]>> = {
  urp: ["apache2.service"],
  bunny: [brokerUnit, keepalivedUnit],
  pds: [],
  px: [],
  dd: [brokerUnit, "apache2.service", ftpUnit],
  client: [subscriberUnit],
  ldap: ["slapd.service"],
  monitor: [prometheusUnit, alertmanagerUnit, pageProxyUnit],
};

export function chainOf(stack: string, config: StackConfig): Chain {
  const { announcements, brokers } = config;
  const broker = brokers[announcements.broker];
  const vip = virtualIpModels(config).find(({ name }) => name === broker?.virtualIp);
  const dispatchers = dispatcherHosts(config, [announcements.broker]);
  const hosts = Object.entries(config.hosts).map(([name, host]) => chainHost(name, host, config, dispatchers));
  const having = (role: Role) => hosts.flatMap(({ name, roles }) => (roles.includes(role) ? [name] : []));
  const inOrder = (vip?.hosts ?? []).filter((host) => broker?.members.includes(host));
  const members = [...inOrder, ...(broker?.members ?? []).filter((host) => !inOrder.includes(host))];
  return {
    stack,
    hosts,
    urps: having("urp"),
    members,
    dispatchers,
    pdses: having("pds"),
    broker: announcements.broker,
    ...(vip ? { vip: { name: vip.name, address: vip.address } } : {}),
    productRoot: announcements.productRoot,
    productUrlPath: productUrlPath(announcements.productRoot),
    receiverDirectory: announcements.receiverDirectory,
    queues: {
      input: announcements.inputQueue,
      pull: announcements.pullQueue,
      dead: deadLetterQueue,
      ledgers: Object.fromEntries(dispatchers.map((host) => [host, ledgerQueueAt(host)])),
    },
    silenceSeconds: announcements.silenceSeconds,
    publicRoads: publicRoadsOf(config, having),
  };
}

function publicRoadsOf(config: StackConfig, having: (role: Role) => string[]): PublicRoad[] {
  return publicServers(config).map((server) => {
    const { host, notifier, notifyDirectory, sshPort: port, config: datamart } = server;
    const { delivery, productRoot, watchedTrees } = datamart;
    const clients = clientsOf(config, server);
    const deliveries = deliveryPlaces(config).filter((place) => place.server.host === host);
    const login = delivery &&
      deliversBy([delivery], "sftp") && {
        ...{ user: delivery.user, port, keyFile: deliveryKeyFile, knownHostsFile: deliveryKnownHosts },
      };
    return {
      ...{ broker: datamart.broker, server: host, pxes: delivery ? having("px") : [], clients },
      ...(login ? { login } : {}),
      deliveries: deliveries.map(({ name }) => name),
      notifier,
      queueDirectories: {
        ...Object.fromEntries(deliveries.map(({ name, sender }) => [name, sender.queueDirectory])),
        ...(delivery ? { [notifier]: notifyDirectory } : {}),
      },
      ...{ productRoot, account: delivery?.user ?? productAccount.name, watchedTrees },
      ...{ clientDirectory: datamart.clients.directory, clientsHearAll: datamart.clients.topic === "#" },
      queues: Object.fromEntries(clients.map((client) => [client, subscriberQueueOf(client)])),
      messagesMax: datamart.queueManager.messagesMax,
      keptQueues: keptQueues(config, datamart),
    };
  });
}

function chainHost(
  name: string,
  host: StackConfig["hosts"][string],
  config: StackConfig,
  dispatchers: readonly string[],
): ChainHost {
  const { address, roles, adopted } = host;
  const isThere = (agent: AgentName) =>
    (agent !== "dispatcher" || dispatchers.includes(name)) && (agent !== "auditor" || dispatchers.length > 0);
  const single = roles.flatMap((role) => agentsOfRole[role]).filter(isThere);
  const several = [
    ...(roles.includes("px") ? [...deliveryPlaces(config), ...notifyPlaces(config)] : []),
    ...receiverPlaces(config, name),
    ...bridgePlaces(config, name),
  ];
  const agents = [...several, ...single.map((agent) => ({ name: agent, port: metricsPorts[agent] }))];
  const isHolder = Object.values(config.virtualIps).some(({ priorities }) => priorities[name] !== undefined);
  const broker = Object.values(config.brokers).find(({ members }) => members.includes(name));
  const takesFtp = deliversBy([publicServerAt(config, name)?.config.delivery], "ftp");
  const units = roles
    .flatMap((role) => unitsOfRole[role])
    .filter((unit) => (unit !== keepalivedUnit || isHolder) && (unit !== ftpUnit || takesFtp))
    .filter((unit) => unit !== pageProxyUnit || config.monitor.page !== undefined);
  return {
    ...{ name, address, roles },
    user: host.ssh.user ?? config.ssh.user,
    agents: (adopted ? [] : agents).map(({ name: agent, port }) => ({
      ...{ name: agent, port },
      unit: `warren-${agent}.service`,
      ...consumedBy(agent, name, config),
    })),
    units: [...new Set(units)],
    ...(broker && !adopted ? { amqpPort: broker.port } : {}),
    ...(broker?.mqtt && !adopted ? { mqttPort: mqttPortOf(broker, broker.mqtt) } : {}),
  };
}

function consumedBy(
  agent: AgentPlace["name"],
  host: string,
  { announcements, receivers, bridges }: StackConfig,
): Pick<AgentPlace, "takes"> {
  const { broker, inputQueue, pullQueue } = announcements;
  if (agent === "dispatcher") return { takes: { broker, queues: [inputQueue, ledgerQueueAt(host)] } };
  if (agent === "puller") return { takes: { broker, queues: [pullQueue] } };
  if (agent === "auditor") return { takes: { broker, queues: [auditQueueAt(host)] } };
  for (const [kind, all] of [["receiver", receivers] as const, ["bridge", bridges] as const]) {
    const key = agent.startsWith(`${kind}-`) ? agent.slice(kind.length + 1) : "";
    const own = all[key];
    if (own) return { takes: { broker: own.broker, queues: [messageQueueOf(kind, key)] } };
  }
  return {};
}

/** @throws TypeError if the chain has no such host */
export function chainHostOf(chain: Chain, name: string): ChainHost {
  const found = chain.hosts.find((host) => host.name === name);
  if (!found) throw new TypeError(`no host ${name}`);
  return found;
}
