import { twinUser } from "../config/announcements.ts";
import { type BrokerConfig, mqttUser } from "../config/brokers.ts";
import { dataServers } from "../config/data-servers.ts";
import { queueManagerUser } from "../config/datamart.ts";
import { hasPassword, passwordOf, type StackConfig } from "../config/index.ts";
import { traitsOf } from "../config/series.ts";
import { agentQueues, knownQueues } from "./agent-queues.ts";
import { announcedBindings } from "./announced.ts";
import { outsidersLimits, outsidersPolicies } from "./outsiders.ts";
import { anonymousTopics, mqttRights, ownPermissions, permissionsOf, queueManagerPermissions } from "./permissions.ts";
import { roleUsers } from "./roles.ts";
import type { ClusterModel, PolicyModel, UserModel } from "./types.ts";

/** The clusters of a stack with their users, exchanges, queues and policies. */
export function clusterModels(config: StackConfig): ClusterModel[] {
  return Object.entries(config.brokers).map(([name, broker]) => clusterModel(config, name, broker));
}

function clusterModel(config: StackConfig, name: string, broker: BrokerConfig): ClusterModel {
  const users = usersOf(config, name, broker);
  const limits = outsidersLimits(config, name, users);
  return {
    name,
    series: broker.series,
    members: broker.members.map((host) => ({ host, address: config.hosts[host]?.address ?? host })),
    management: { scheme: broker.tls ? "https" : "http", port: broker.management.port },
    administrator: { name: broker.administrator, password: passwordOf(config, broker.administrator, name) },
    users,
    exchanges: broker.exchanges,
    exchangeBindings: dataServers(config).flatMap((server) =>
      server.config.broker === name ? announcedBindings(server.config) : [],
    ),
    queues: broker.queues.map((queue) => typed(queue, broker)),
    policies: [...(broker.standardObjects ? standardPolicies(broker) : []), ...broker.policies],
    operatorPolicies: [...outsidersPolicies(broker), ...broker.operatorPolicies],
    ...(limits ? { limits } : {}),
    agentQueues: agentQueues(config, name),
    ...(broker.members.every((host) => config.hosts[host]?.adopted?.["rabbitmq-server"]) ? { found: true } : {}),
  };
}

/** The broker would add the type of its own accord, and report it as an argument. */
const typed = (queue: BrokerConfig["queues"][number], { defaultQueueType }: BrokerConfig) =>
  defaultQueueType === "classic"
    ? queue
    : { ...queue, arguments: { "x-queue-type": defaultQueueType, ...queue.arguments } };

/** Standard users and the config's own users, which override standard ones of the same name. */
function usersOf(config: StackConfig, cluster: string, broker: BrokerConfig): UserModel[] {
  const permissions = permissionsOf(broker.permissions);
  const standard = {
    anonymous: { tags: [], permissions: permissions.anonymous, ldap: false },
    feeder: { tags: [], permissions: permissions.feeder, ldap: false },
    guest: { tags: [], ldap: false },
  };
  const isManaged = dataServers(config).some((server) => server.config.broker === cluster);
  const manager = isManaged ? { [queueManagerUser]: queueManagerSettings(config, cluster) } : {};
  const own: BrokerConfig["users"] = { ...(broker.standardObjects ? standard : {}), ...manager, ...broker.users };
  const users = withTwin(config, cluster, own);
  const named = Object.entries(users).map(([name, user]) => ({
    name,
    ...(user.ldap ? {} : { password: passwordOf(config, name, cluster) }),
    tags: user.tags,
    ...(user.permissions ? { permissions: ownPermissions(user.permissions) } : {}),
    ...(user === standard.anonymous && broker.permissions === "safe" ? anonymousTopics(config, cluster) : {}),
  }));
  const subscriber = broker.mqtt && !users[mqttUser] ? [mqttSubscriber(config, cluster, broker.mqtt.exchange)] : [];
  return [...named, ...subscriber, ...agentsUsers(config, cluster).flatMap((user) => roleUsers(config, cluster, user))];
}

/** WIS2's public user. Its password is its name, unless the stack has another one. */
const mqttSubscriber = (config: StackConfig, cluster: string, exchange: string): UserModel => ({
  name: mqttUser,
  password: hasPassword(config, mqttUser, cluster) ? passwordOf(config, mqttUser, cluster) : mqttUser,
  tags: [],
  ...mqttRights(exchange),
  isWarrens: true,
});

/** The agents' user and its twin, if they have a password. */
function agentsUsers(config: StackConfig, cluster: string): string[] {
  const { user } = config.announcements;
  return [user, twinUser(user)].filter((name) => hasPassword(config, name, cluster)).toSorted();
}

/** While agents move from one user to its twin, both exist with the same rights. */
function withTwin(config: StackConfig, cluster: string, users: BrokerConfig["users"]): BrokerConfig["users"] {
  const { user } = config.announcements;
  const [here, there] = users[user] ? [user, twinUser(user)] : [twinUser(user), user];
  const settings = users[here];
  if (!settings || settings.ldap || users[there] || !hasPassword(config, there, cluster)) return users;
  return { ...users, [there]: settings };
}

/**
 * Mirrored queues on 3.x. A mirror that returns is synchronised automatically; until then it protects nothing. From 4.0 on, arguments of a queue make
 * it replicated, and the policy's key is ignored.
 */
function standardPolicies(broker: BrokerConfig): PolicyModel[] {
  if (broker.members.length < 2 || traitsOf(broker.series).replication !== "mirrored") return [];
  return [
    {
      name: "ha-all",
      pattern: "^cmc\\.",
      applyTo: "queues",
      priority: 0,
      definition: { "ha-mode": "all", "ha-sync-mode": "automatic" },
    },
  ];
}

/** A user that may list all queues, and unbind, rebind and delete those that the stack doesn't know. */
function queueManagerSettings(config: StackConfig, cluster: string): BrokerConfig["users"][string] {
  const bound = agentQueues(config, cluster).flatMap(({ bindings }) => bindings.map(({ exchange }) => exchange));
  const declared = (config.brokers[cluster]?.exchanges ?? []).map(({ name }) => name);
  const exchanges = [...new Set([...declared, ...bound])];
  return {
    tags: ["management"],
    permissions: queueManagerPermissions(exchanges, knownQueues(config, cluster)),
    ldap: false,
  };
}
