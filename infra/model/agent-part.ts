import {
  brokerConfig,
  type CommonConfig,
  commonConfig,
  metricsConfig,
  type QueueType,
  tlsScheme,
} from "../../agents/lib/config.ts";
import { renderAgentService } from "../../templates/render.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import { passwordOf, type StackConfig } from "../config/index.ts";
import { type AgentRole, agentLogin, hasRoles } from "../config/roles.ts";
import { queueTypeOf } from "./agent-queues.ts";
import { dispatchingClusters } from "./dispatchers.ts";
import { json, rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";
import { restartPauseFile } from "./restart-pause.ts";
import { givenTo } from "./roles.ts";
import { caFile } from "./tls.ts";
import type { placedAgents } from "./types.ts";

/** Loopback ports of the agents' metrics, one per agent. */
export const metricsPorts = {
  announcer: 9101,
  dispatcher: 9102,
  puller: 9103,
  "dd-notify": 9105,
  watcher: 9106,
  "queue-manager": 9107,
  auditor: 9108,
  monitor: 9109,
} as const;

/** First metrics port of agents of which a host may have several, in the order of their names. */
export const metricsPortsFrom = { delivery: 9110, receiver: 9130, bridge: 9150, notify: 9170 } as const;

export type AgentName = keyof typeof metricsPorts;
/** One of several, e.g. `delivery-ftp`. */
export type InstanceName = `${keyof typeof metricsPortsFrom}-${string}`;

/** Limit in milliseconds for an agent to settle its deliveries at a stop. */
const shutdownTimeoutMs = commonConfig.shape.shutdownTimeoutMs.parse(undefined);

/** The account that owns products and receiver queues, as on the hosts of the requirement. */
export const productAccount = { name: "px", home: "/apps/px" };
export const serviceAccount = { name: "warren", home: "/var/lib/warren" };

/** Systemd's StateDirectory of an agent (`templates/agent.service.hbs`). */
export const stateFolderOf = (agent: string): string => `${serviceAccount.home}/${agent}`;

/**
 * What keeps an agent small, measured with pullers (`bench pull`): malloc keeps for each thread what that one has freed, 15 MiB of a
 * puller's 125, and V8 lets new objects fill three times 16 MiB before it collects them, 6 MiB. Kept small, a
 * dispatcher dispatches a tenth less (`bench dispatch`), and a watcher announces a fifth less (`bench watch`).
 */
export const agentEnvironment = (program: (typeof placedAgents)[number]): Readonly<Record<string, string>> =>
  program === "dispatcher" || program === "watcher"
    ? {}
    : { MALLOC_ARENA_MAX: "1", NODE_OPTIONS: "--max-semi-space-size=2" };

/** The runtime of a host's agents, and the path of each program. The unit templates contain the same paths. */
export const nodeProgram = "/opt/warren/node/bin/node";
export const agentProgram = (program: string): string => `/opt/warren/agents/${program}.mjs`;
const configFile = (name: string): string => `/etc/warren/${name}.json`;

/** The command line that starts an agent by hand with the config of its unit. @param name of the unit, if it differs from the program's */
export const agentCommandLine = (program: string, name: string = program): readonly string[] => [
  nodeProgram,
  agentProgram(program),
  "--config",
  configFile(name),
];

/** An agent's own config keys, beyond the common ones; a missing key has the agent's default. */
export type Own<Config extends CommonConfig> = Partial<Omit<Config, keyof CommonConfig>>;

/** An agent's own keys in the order of its schema, because a file with reordered keys would restart the agent. */
export const inOrderOf = <Own extends object>({ shape }: { readonly shape: object }, own: Own): Own => {
  const order = Object.keys(shape);
  const keys = Object.entries(own).toSorted(([one], [other]) => order.indexOf(one) - order.indexOf(other));
  return Object.fromEntries(keys) as Own;
};

/** The broker that an agent connects to. */
interface AgentBroker {
  readonly cluster: string;
  /** `host:port` of its members, tried in order; prefixed with `amqps://` for TLS. */
  readonly hosts: readonly string[];
}

/** A secret file that systemd passes to the agent's unit as a credential. */
export interface Credential {
  readonly name: string;
  readonly file: string;
  readonly content: string;
}

export interface AgentShell {
  /** Name of its unit and config. */
  readonly name: AgentName | InstanceName;
  /** Metrics port; default: that of its name. */
  readonly port?: number;
  readonly summary: string;
  readonly account: { readonly name: string; readonly home: string };
  /** The agent's AMQP broker; without it the config has no section `broker`. */
  readonly broker?: AgentBroker;
  /** Its bundle; default: that of its own name. */
  readonly program?: (typeof placedAgents)[number];
  readonly credentials: readonly Credential[];
  readonly logLevel: string;
  readonly after?: string;
  /** The cluster whose objects it waits for, if that is not its AMQP broker. */
  readonly afterBroker?: string;
  readonly writable?: string;
  /** Seconds without a keep-alive after which systemd considers it hung. */
  readonly watchdogSeconds?: number;
  /** Program that informs keepalived of its exit. */
  readonly standBack?: string;
  /** Its program has `--after-end`. */
  readonly afterEnd?: boolean;
  /** Units of other hosts, as `HOST UNIT`, that are restarted before. */
  readonly turn?: readonly string[];
  /** The same, but only if their hosts could be observed: an unreachable host delays no other. */
  readonly turnAsked?: readonly string[];
  readonly own: object;
}

/** Path of a unit's credential in the agent's config. */
export const credentialFile = (name: string): string => `\${CREDENTIALS_DIRECTORY}/${name}`;

const passwordName = "broker-password";
export const passwordCredential = credentialFile(passwordName);

/** The common part of all agents: runtime, bundle, config, password, unit. */
export function agentPart({ config, artifacts }: PartContext, shell: AgentShell): HostPart {
  const { name, credentials } = shell;
  const program = shell.program ?? (name as (typeof placedAgents)[number]);
  const port = shell.port ?? metricsPorts[name as AgentName];
  const common = {
    ...(shell.broker ? { broker: brokerOf(config, shell.broker, program as AgentRole) } : {}),
    metrics: {
      address: metricsConfig.shape.address.parse(undefined),
      port,
    },
    log: { level: shell.logLevel },
    shutdownTimeoutMs,
  };
  const files = [
    rootFile(configFile(name), json({ ...common, ...shell.own })),
    restartPauseFile(),
    ...credentials.map(({ file, content }) => rootFile(file, content, { mode: "0600", secret: true })),
    rootFile(
      `/etc/systemd/system/warren-${name}.service`,
      renderAgentService({
        name,
        summary: shell.summary,
        user: shell.account.name,
        program,
        environment: agentEnvironment(program),
        credentials,
        after: shell.after ?? "",
        writable: shell.writable ?? "",
        watchdogSeconds: shell.watchdogSeconds ?? 30,
        standBack: shell.standBack ?? "",
        afterEnd: shell.afterEnd ?? false,
        // Later than the agent's own deadline.
        stopSeconds: shutdownTimeoutMs / 1000 + 5,
      }),
    ),
  ];
  const place = { owner: "root", group: "root", mode: "0755" };
  const installed = [
    { ...place, name: "node", path: nodeProgram, ...artifacts.node },
    { ...place, name: program, path: agentProgram(program), ...artifacts[program] },
  ];
  return {
    accounts: [shell.account],
    files,
    artifacts: installed,
    metrics: [{ agent: name, port }],
    units: [
      {
        name: `warren-${name}.service`,
        onChange: "restart",
        reads: [...files, ...installed].map((file) => file.path),
        after: shell.turn ?? [],
        ...(shell.turnAsked ? { afterAsked: shell.turnAsked } : {}),
        afterBroker: shell.afterBroker ?? shell.broker?.cluster ?? false,
        ...(shell.broker ? { login: agentLogin(config, program as AgentRole, shell.broker.cluster).user } : {}),
        packaged: false,
      },
    ],
  };
}

/** If the address can be on either of two clusters, each agent declares the queue type of the broker that it connects to. */
const declaredType = (config: StackConfig, cluster: string, broker: BrokerConfig): QueueType =>
  config.announcements.beside !== undefined && dispatchingClusters(config).includes(cluster)
    ? "as-broker"
    : queueTypeOf(broker);

function brokerOf(config: StackConfig, { cluster, hosts }: AgentBroker, role: AgentRole) {
  const broker = config.brokers[cluster];
  const given = givenTo(config, cluster, role);
  return {
    hosts,
    ...(broker?.tls ? { tls: { caFile } } : {}),
    ...(broker ? { queueType: declaredType(config, cluster, broker) } : {}),
    vhost: brokerConfig.shape.vhost.parse(undefined),
    user: agentLogin(config, role, cluster).user,
    passwordFile: passwordCredential,
    ...(given.length > 0 ? { given } : {}),
  };
}

/** The password of an agent at the broker that carries the announcements. Its file has the same name at both clusters of an upgrade. */
export function announcementsPassword(config: StackConfig, role: AgentRole, cluster: string): Credential {
  const { user, password } = agentLogin(config, role, cluster);
  const file = hasRoles(config, cluster) ? user : passwordName;
  return { name: passwordName, file: `/etc/warren/secrets/${file}`, content: password };
}

/** The password of an agent at another broker; a host may have agents at both. */
export function agentPasswordAt(config: StackConfig, role: AgentRole, cluster: string): Credential {
  const { user, password } = agentLogin(config, role, cluster);
  return { name: passwordName, file: `/etc/warren/secrets/${user}@${cluster}`, content: password };
}

/** A user's password at another broker. */
export const passwordAt = (config: StackConfig, user: string, broker: string): Credential => ({
  name: passwordName,
  file: `/etc/warren/secrets/${user}@${broker}`,
  content: passwordOf(config, user, broker),
});

/** Where agents find a broker: its virtual IP, else its members. */
export function brokerHosts({ config }: PartContext, cluster: string): string[] {
  const broker = config.brokers[cluster];
  if (!broker) return [];
  const vip = broker.virtualIp ? config.virtualIps[broker.virtualIp] : undefined;
  const addresses = vip ? [vip.address] : broker.members.map((host) => config.hosts[host]?.address ?? host);
  return addresses.map((address) => acrossNetwork(broker, address));
}

/** Address of a broker on another host: over TLS if the broker has it, even if it also accepts unencrypted AMQP. */
export const acrossNetwork = ({ tls, tlsPort, port }: BrokerConfig, address: string): string =>
  tls ? `${tlsScheme}${address}:${tlsPort}` : `${address}:${port}`;
