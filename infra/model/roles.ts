import { prefixOf } from "../../agents/bridge/config.ts";
import {
  auditKeys,
  auditQueueAt,
  ledgerKeys,
  ledgerQueueAt,
  markerTopicDefault,
  peersTopicDefault,
} from "../../agents/lib/dispatch-topics.ts";
import { deadLetterExchange, deadLetterQueue } from "../../agents/lib/topology.ts";
import { eventTopic, wisTopicPrefix } from "../../agents/lib/wis-rules.ts";
import { hostsWith } from "../config/hosts.ts";
import type { StackConfig } from "../config/index.ts";
import { type AgentRole, agentRoles, hasRoles, roleLogin } from "../config/roles.ts";
import { auditorHosts, auditTopics, hasPullers, messageQueueOf, sharedTopics } from "./agent-queues.ts";
import { topicPrefixesOf } from "./announced.ts";
import { dispatcherHosts, dispatchingClusters } from "./dispatchers.ts";
import { monitorHosts } from "./monitored-hosts.ts";
import { literally } from "./permissions.ts";
import { publicServers } from "./public-servers.ts";
import type { TopicPermissionModel, UserModel } from "./types.ts";

/** Topics of one exchange: prefixes of routing keys that are published, binding keys that are bound. */
interface AtExchange {
  readonly exchange: string;
  readonly topics: readonly string[] | "any";
}

/** What the agents of one role do at a cluster. Permissions, topic permissions and `given` of the agents' configs are made from it. */
export interface Needs {
  /** Exchanges and queues that it uses and declares, unless the stack creates them. */
  readonly declares: readonly string[];
  /** Queues that it binds; among `declares`. */
  readonly binds: readonly string[];
  /** Queues that it consumes. */
  readonly consumes: readonly string[];
  /** Exchanges and queues that it uses, and that others declare. */
  readonly given: readonly string[];
  readonly publishes: readonly AtExchange[];
  /** Exchanges that it binds queues to, with the binding keys. */
  readonly hears: readonly AtExchange[];
  /** Has queues of its own, named by the broker, which end with their connection. */
  readonly temporary?: true;
}

const none: Needs = { declares: [], binds: [], consumes: [], given: [], publishes: [], hears: [] };

/**
 * The table: what each role needs at a cluster. No role writes to the default exchange, which would reach every queue. On the radar path, roles
 * don't share topics, so only a topic's own publisher can set the headers (`Marks`) that agents accept under it.
 */
export function needsOf(config: StackConfig, cluster: string, role: AgentRole): Needs | undefined {
  return needs[role](config, cluster);
}

const needs: Readonly<Record<AgentRole, (config: StackConfig, cluster: string) => Needs | undefined>> = {
  announcer(config, cluster) {
    if (!isDispatching(config, cluster) || hostsWith(config, "urp").length === 0) return undefined;
    const { exchange, inputTopic } = config.announcements;
    return {
      ...none,
      declares: [exchange],
      publishes: [{ exchange, topics: [inputTopic, auditTopics.announcedTopic] }],
    };
  },
  dispatcher(config, cluster) {
    const hosts = dispatchersAt(config, cluster);
    if (hosts.length === 0) return undefined;
    const { exchange, inputQueue, pullQueue, inputTopic, notifyTopic } = config.announcements;
    const { alternateTopic, twinTopic } = sharedTopics;
    const read = [inputQueue, ...hosts.map(ledgerQueueAt)];
    const queues = [...read, pullQueue, deadLetterQueue];
    const keys = [`${inputTopic}.#`, ...ledgerKeys({ notifyTopic, ...sharedTopics })];
    return {
      ...none,
      declares: [exchange, deadLetterExchange, ...queues],
      binds: queues,
      consumes: read,
      publishes: [{ exchange, topics: [notifyTopic, twinTopic, markerTopicDefault] }, deadLetters],
      hears: [
        { exchange, topics: [...keys, `${alternateTopic}.#`, ...hosts.map((host) => `${markerTopicDefault}.${host}`)] },
        { exchange: deadLetterExchange, topics: ["#"] },
      ],
    };
  },
  puller(config, cluster) {
    if (!isDispatching(config, cluster) || !hasPullers(config)) return undefined;
    const { exchange, pullQueue, notifyTopic } = config.announcements;
    const { alternateTopic, pulledTopic, twinTopic } = sharedTopics;
    const own = {
      ...none,
      declares: [exchange],
      consumes: [pullQueue],
      publishes: [{ exchange, topics: [alternateTopic, pulledTopic, peersTopicDefault] }, deadLetters],
      hears: [{ exchange, topics: [peersTopicDefault] }],
      temporary: true as const,
    };
    const shared = { queues: [pullQueue], hears: [{ exchange, topics: [`${notifyTopic}.#`, `${twinTopic}.#`] }] };
    return withShared(config, cluster, own, shared);
  },
  auditor(config, cluster) {
    const hosts = auditorHosts(config);
    if (!isDispatching(config, cluster) || hosts.length === 0) return undefined;
    const { exchange, notifyTopic } = config.announcements;
    const queues = hosts.map(auditQueueAt);
    const own = {
      ...none,
      declares: [exchange, ...queues],
      binds: queues,
      consumes: queues,
      hears: [
        { exchange, topics: auditKeys({ notifyTopic, ...auditTopics }) },
        { exchange: deadLetterExchange, topics: ["#"] },
      ],
    };
    return withShared(config, cluster, own);
  },
  monitor(config, cluster) {
    const { events } = config.monitor;
    if (events?.broker !== cluster || monitorHosts(config).length === 0) return undefined;
    const { exchange, centre } = events;
    return { ...none, declares: [exchange], publishes: [{ exchange, topics: [eventTopic(centre)] }] };
  },
  receiver(config, cluster) {
    const all = Object.entries(config.receivers).filter(([, { broker }]) => broker === cluster);
    if (all.length === 0) return undefined;
    const queues = all.map(([name]) => messageQueueOf("receiver", name));
    const own = {
      ...none,
      declares: [...queues, ...all.map(([, { exchange }]) => exchange)],
      binds: queues,
      consumes: queues,
      publishes: [deadLetters],
      hears: all.map(([, { exchange, topics }]) => ({ exchange, topics })),
    };
    return withShared(config, cluster, own);
  },
  bridge(config, cluster) {
    const all = Object.entries(config.bridges).filter(([, { broker }]) => broker === cluster);
    if (all.length === 0) return undefined;
    const queues = all.map(([name]) => messageQueueOf("bridge", name));
    const lines = all.flatMap(([, { to }]) => to);
    const own = {
      ...none,
      declares: [...queues, ...lines.map(({ exchange }) => exchange), ...all.map(([, { from }]) => from.exchange)],
      binds: queues,
      consumes: queues,
      publishes: [
        ...lines.map((line) => ({ exchange: line.exchange, topics: [prefixOf(line)] })),
        // What it takes from Global Brokers.
        ...all.flatMap(([, { from }]) =>
          from.format === "wis" && from.globalBrokers ? [{ exchange: from.exchange, topics: [from.topicPrefix] }] : [],
        ),
        deadLetters,
      ],
      hears: all.map(([, { from }]) => ({ exchange: from.exchange, topics: [`${from.topicPrefix}.#`] })),
    };
    return withShared(config, cluster, own);
  },
  watcher(config, cluster) {
    const servers = serversAt(config, cluster).filter(({ watchedTrees }) => watchedTrees.length > 0);
    if (servers.length === 0) return undefined;
    return {
      ...none,
      declares: servers.map(({ publicExchange }) => publicExchange),
      publishes: servers.map((server) => ({
        exchange: server.publicExchange,
        topics: [
          ...server.formats.map((format) => topicPrefixesOf(server)[format]),
          ...(server.wis ? [wisTopicPrefix(server.wis)] : []),
        ],
      })),
    };
  },
  sender(config, cluster) {
    const servers = serversAt(config, cluster).filter(({ delivery }) => delivery);
    if (servers.length === 0) return undefined;
    return {
      ...none,
      declares: servers.flatMap(({ exchange, publicExchange }) => [exchange, publicExchange]),
      publishes: servers.flatMap((server) => [
        { exchange: server.exchange, topics: [server.notifyTopic] },
        { exchange: server.publicExchange, topics: Object.values(topicPrefixesOf(server)) },
      ]),
    };
  },
};

/** Agents dead-letter a message under its own topic, whatever that is. */
const deadLetters: AtExchange = { exchange: deadLetterExchange, topics: "any" };

const isDispatching = (config: StackConfig, cluster: string): boolean => dispatchingClusters(config).includes(cluster);

const dispatchersAt = (config: StackConfig, cluster: string): string[] =>
  isDispatching(config, cluster) ? dispatcherHosts(config, [cluster]) : [];

const serversAt = (config: StackConfig, cluster: string) =>
  publicServers(config).flatMap(({ config: server }) => (server.broker === cluster ? [server] : []));

/** Dispatchers declare what several roles use. Without dispatchers each role declares it. */
function withShared(
  config: StackConfig,
  cluster: string,
  own: Needs,
  more: { readonly queues: readonly string[]; readonly hears: readonly AtExchange[] } = { queues: [], hears: [] },
): Needs {
  const queues = [deadLetterQueue, ...more.queues];
  const shared = [deadLetterExchange, ...queues];
  if (dispatchersAt(config, cluster).length > 0) return { ...own, given: shared };
  return {
    ...own,
    declares: [...own.declares, ...shared],
    binds: [...own.binds, ...queues],
    hears: [...own.hears, ...more.hears, { exchange: deadLetterExchange, topics: ["#"] }],
  };
}

/** Exchanges and queues of a role that it must use as they are. */
export function givenTo(config: StackConfig, cluster: string, role: AgentRole): string[] {
  const found = needsOf(config, cluster, role);
  if (!found || !hasRoles(config, cluster)) return [];
  const created = createdAt(config, cluster);
  return unique([...found.declares.filter((name) => created.includes(name)), ...found.given]);
}

/** Exchanges that the stack creates, so that no agent needs to. */
const createdAt = ({ brokers }: StackConfig, cluster: string): string[] =>
  (brokers[cluster]?.exchanges ?? []).map(({ name }) => name);

/** Users of the roles at a cluster, for the agents' user or its twin. */
export function roleUsers(config: StackConfig, cluster: string, agentUser: string): UserModel[] {
  if (!hasRoles(config, cluster)) return [];
  return agentRoles.flatMap((role) => {
    const found = needsOf(config, cluster, role);
    if (!found) return [];
    const { user, password } = roleLogin(config, role, cluster, agentUser);
    return [
      { name: user, password, tags: [], ...rightsOf(found, createdAt(config, cluster)), isWarrens: true as const },
    ];
  });
}

/** The names that the broker gives to server-named queues. */
const temporaryQueues = "amq\\.gen-.*";
/** Permits nothing: in permissions the default exchange has another name, and a topic permission permits nothing by itself. */
const nothing = "^$";

/** @param created what the stack creates */
function rightsOf(
  found: Needs,
  created: readonly string[],
): Required<Pick<UserModel, "permissions" | "topicPermissions">> {
  const temporary = found.temporary ? [temporaryQueues] : [];
  const anyOf = (names: readonly string[]) => {
    const all = [...unique(names).map(literally), ...temporary];
    return all.length === 0 ? nothing : `^(${all.join("|")})$`;
  };
  const written = found.publishes.map(({ exchange }) => exchange);
  const heard = found.hears.map(({ exchange }) => exchange);
  return {
    permissions: {
      configure: anyOf(found.declares.filter((name) => !created.includes(name))),
      write: anyOf([...written, ...found.binds]),
      read: anyOf([...heard, ...found.consumes]),
    },
    topicPermissions: unique([...written, ...heard]).map(
      (exchange): TopicPermissionModel => ({
        exchange,
        write: expressionOf(found.publishes, exchange, (prefixes) => `^(${prefixes.join("|")})(\\.|$)`),
        read: expressionOf(found.hears, exchange, (keys) => `^(${keys.join("|")})$`),
      }),
    ),
  };
}

function expressionOf(
  all: readonly AtExchange[],
  exchange: string,
  expression: (words: readonly string[]) => string,
): string {
  const here = all.filter((one) => one.exchange === exchange);
  if (here.length === 0) return nothing;
  if (here.some(({ topics }) => topics === "any")) return ".*";
  return expression(unique(here.flatMap(({ topics }) => (topics === "any" ? [] : topics))).map(literally));
}

const unique = (names: readonly string[]): string[] => [...new Set(names)];
