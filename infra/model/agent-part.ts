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
import { queueTypeOf } from "./agent-queues.ts";
import { dispatchingClusters } from "./dispatchers.ts";
import { json, rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";
import { caFile } from "./tls.ts";
import type { placedAgents } from "./types.ts";

/** Loopback ports of the agents' metrics, one an agent. */
export const metricsPorts = {
  announcer: 9101,
  dispatcher: 9102,
  puller: 9103,
  "dd-notify": 9105,
  watcher: 9106,
  "queue-manager": 9107,
} as const;

/** The same for those of which a host may have several: the first one's, in the order of their names. */
export const metricsPortsFrom = { delivery: 9110, receiver: 9130, bridge: 9150 } as const;

export type AgentName = keyof typeof metricsPorts;
/** One of several, e.g. `delivery-ftp`. */
export type InstanceName = `${keyof typeof metricsPortsFrom}-${string}`;

/** Milliseconds an agent takes at most to settle what it has in hand when it is told to stop. */
const shutdownTimeoutMs = commonConfig.shape.shutdownTimeoutMs.parse(undefined);

/** The account that owns products and receiver queues, as on the hosts that warren follows. */
export const productAccount = { name: "px", home: "/apps/px" };
export const serviceAccount = { name: "warren", home: "/var/lib/warren" };

/** Systemd's StateDirectory of an agent (`templates/agent.service.hbs`). */
export const stateFolderOf = (agent: string): string => `${serviceAccount.home}/${agent}`;

/** What runs the agents of a host, and where the program of each is. Units say the same (`templates`). */
export const nodeProgram = "/opt/warren/node/bin/node";
export const agentProgram = (program: string): string => `/opt/warren/agents/${program}.mjs`;
const configFile = (name: string): string => `/etc/warren/${name}.json`;

/** What starts an agent of a host by hand, with the config of its unit. @param name of the unit, which of several differs from the program's */
export const agentCommandLine = (program: string, name: string = program): readonly string[] => [
  nodeProgram,
  agentProgram(program),
  "--config",
  configFile(name),
];

/** What an agent's own config says beyond the common part; what is left out is the agent's default. */
export type Own<Config extends CommonConfig> = Partial<Omit<Config, keyof CommonConfig>>;

/** An agent's own keys in the order of its schema: a file in which they only changed places would restart its agent. */
export const inOrderOf = <Own extends object>({ shape }: { readonly shape: object }, own: Own): Own => {
  const order = Object.keys(shape);
  const keys = Object.entries(own).toSorted(([one], [other]) => order.indexOf(one) - order.indexOf(other));
  return Object.fromEntries(keys) as Own;
};

/** The broker that an agent speaks to. */
interface AgentBroker {
  readonly cluster: string;
  /** `host:port` of its members, tried in turn; after `amqps://` over TLS. */
  readonly hosts: readonly string[];
}

/** A secret file that the agent's unit is given by name. */
export interface Credential {
  readonly name: string;
  readonly file: string;
  readonly content: string;
}

export interface AgentShell {
  /** Of its unit and config. */
  readonly name: AgentName | InstanceName;
  /** Of its metrics; left out: that of its name. */
  readonly port?: number;
  readonly summary: string;
  readonly account: { readonly name: string; readonly home: string };
  /** Where the agent speaks AMQP; without it the config has no part `broker`. */
  readonly broker?: AgentBroker;
  /** Its bundle; left out: that of its own name. */
  readonly program?: (typeof placedAgents)[number];
  readonly credentials: readonly Credential[];
  readonly logLevel: string;
  readonly after?: string;
  /** The cluster whose objects it waits for, where it is not the one that it speaks AMQP to. */
  readonly afterBroker?: string;
  readonly writable?: string;
  /** Seconds without a sign of life after which systemd takes it for hung. */
  readonly watchdogSeconds?: number;
  /** What tells keepalived of its end. */
  readonly standBack?: string;
  /** Units of other hosts, as `HOST UNIT`, that are restarted before. */
  readonly turn?: readonly string[];
  /** The same, where their hosts can be asked: the others don't wait for one that is away. */
  readonly turnAsked?: readonly string[];
  readonly own: object;
}

/** How an agent's config calls a credential of its unit. */
export const credentialFile = (name: string): string => `\${CREDENTIALS_DIRECTORY}/${name}`;

const passwordName = "broker-password";
export const passwordCredential = credentialFile(passwordName);

/** What all agents have: the runtime, the bundle, the config, the password, the unit. */
export function agentPart({ config, artifacts }: PartContext, shell: AgentShell): HostPart {
  const { name, credentials } = shell;
  const program = shell.program ?? (name as (typeof placedAgents)[number]);
  const common = {
    ...(shell.broker ? { broker: brokerOf(config, shell.broker) } : {}),
    metrics: {
      address: metricsConfig.shape.address.parse(undefined),
      port: shell.port ?? metricsPorts[name as AgentName],
    },
    log: { level: shell.logLevel },
    shutdownTimeoutMs,
  };
  const files = [
    rootFile(configFile(name), json({ ...common, ...shell.own })),
    ...credentials.map(({ file, content }) => rootFile(file, content, { mode: "0600", secret: true })),
    rootFile(
      `/etc/systemd/system/warren-${name}.service`,
      renderAgentService({
        name,
        summary: shell.summary,
        user: shell.account.name,
        program,
        credentials,
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
    { ...place, name: "node", path: nodeProgram, ...artifacts.node },
    { ...place, name: program, path: agentProgram(program), ...artifacts[program] },
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
        ...(shell.turnAsked ? { afterAsked: shell.turnAsked } : {}),
        afterBroker: shell.afterBroker ?? shell.broker?.cluster ?? false,
        packaged: false,
      },
    ],
  };
}

/** Where the address may be on either of two clusters each agent declares what the one that it meets has. */
const declaredType = (config: StackConfig, cluster: string, broker: BrokerConfig): QueueType =>
  config.announcements.beside !== undefined && dispatchingClusters(config).includes(cluster)
    ? "as-broker"
    : queueTypeOf(broker);

function brokerOf(config: StackConfig, { cluster, hosts }: AgentBroker) {
  const broker = config.brokers[cluster];
  return {
    hosts,
    ...(broker?.tls ? { tls: { caFile } } : {}),
    ...(broker ? { queueType: declaredType(config, cluster, broker) } : {}),
    vhost: brokerConfig.shape.vhost.parse(undefined),
    user: config.announcements.user,
    passwordFile: passwordCredential,
  };
}

/** The password of the agents' user at the broker that carries the announcements. */
export const agentPassword = (config: StackConfig): Credential => ({
  name: passwordName,
  file: "/etc/warren/secrets/broker-password",
  content: passwordOf(config, config.announcements.user),
});

/** A user's password at another broker; a host of several roles may have it beside the former. */
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

/** A broker on another host: over TLS where it has it, whatever else it takes. */
export const acrossNetwork = ({ tls, tlsPort, port }: BrokerConfig, address: string): string =>
  tls ? `${tlsScheme}${address}:${tlsPort}` : `${address}:${port}`;
