import type { Command } from "../commands/command.ts";
import type { FilePlace, Program } from "../commands/files.ts";
import type { BrokerLimits } from "../commands/rabbitmq.ts";
import type { RabbitmqSeries } from "../config/series.ts";

/** How the engine and the observer connect to a host. Keys are paths in the checkout, which the callers read. */
export interface ConnectionModel {
  readonly host: string;
  /** The host's full name, if it has one: known_hosts files may have its key under it. */
  readonly fullName?: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly privateKeyFile: string;
  readonly knownHostsFile?: string;
  /** The pinned public key, `TYPE BASE64`; none before first contact. */
  readonly hostKey?: string;
  readonly dialTimeoutSeconds: number;
  /** The jump host, reached directly. */
  readonly via?: ConnectionModel;
}

interface AccountModel {
  readonly name: string;
  readonly home: string;
}

export interface FileModel extends FilePlace {
  readonly content: string;
  /** Content that must not be seen in previews, state or logs. */
  readonly secret: boolean;
  /** `before-packages` for files that a package's first start reads; `after-packages` for files that a package validates. */
  readonly order: "before-packages" | "after-packages";
  /** argv of the validator, with `{candidate}` in place of the file; a non-zero exit code refuses the file. */
  readonly validate?: readonly string[];
  /** Path of the validator, for a file that is written before packages: it runs only if it is already installed. */
  readonly validator?: string;
  /** Steps of other hosts, as `HOST STEP`, that come before. */
  readonly after?: readonly string[];
  /** Runs before the file is replaced, when the new one is complete under its temporary name; not at the first write. */
  readonly beforeRenewal?: Command;
  /** Runs after the file was replaced; not at the first write. */
  readonly afterRenewal?: Command;
  /** Stays when the stack is destroyed, because hosts need it. */
  readonly keep: boolean;
}

export interface PackageModel {
  readonly name: string;
  /** Version pattern of the pin, e.g. `3.10.*`; a pinned package is held. */
  readonly series?: string;
  /** Stays when the stack is destroyed: others on the host may need it, and purging it would delete their configuration. */
  readonly keep?: boolean;
}

/** A file too large for standard input, copied from the checkout's build folder. */
export interface ArtifactModel extends Program {
  readonly bytes: number;
}

export interface UnitModel {
  readonly name: string;
  /** What to do when one of `reads` has changed. */
  readonly onChange: "restart" | "reload";
  /** Paths of files and artifacts of this host that the unit reads. */
  readonly reads: readonly string[];
  /** Units of other hosts, as `HOST UNIT`, that start before this one, because redundant hosts take turns. */
  readonly after: readonly string[];
  /** The same, except hosts that can't be observed, which delay no other. */
  readonly afterAsked?: readonly string[];
  /** The cluster whose users, exchanges and policies it waits for. */
  readonly afterBroker: string | false;
  /** The user that its agent logs in to a broker as. */
  readonly login?: string;
  /** Installed and removed with a package. */
  readonly packaged: boolean;
  /** Keeps running when the stack is destroyed, because nobody could log in without it. */
  readonly keep?: boolean;
}

/** The desired state of a host. */
export interface HostModel {
  readonly name: string;
  readonly release: string;
  readonly connection: ConnectionModel;
  readonly accounts: readonly AccountModel[];
  readonly directories: readonly FilePlace[];
  readonly files: readonly FileModel[];
  readonly packages: readonly PackageModel[];
  readonly artifacts: readonly ArtifactModel[];
  readonly units: readonly UnitModel[];
  /** Names of the steps for things that were found on the host: recorded as they are, and never removed from it. */
  readonly found?: readonly string[];
}

export interface UserModel {
  readonly name: string;
  /** Absent if the broker stores none and LDAP checks it. */
  readonly password?: string;
  readonly tags: readonly string[];
  /** Regular expressions on `/`; absent: no permission on it. */
  readonly permissions?: { readonly configure: string; readonly write: string; readonly read: string };
  /** Routing keys that it may write and bind, for each topic exchange on `/` that is restricted. */
  readonly topicPermissions?: readonly TopicPermissionModel[];
  /** Only warren makes it: brokers that were set up by hand have no user of this name. */
  readonly isWarrens?: true;
}

export interface TopicPermissionModel {
  readonly exchange: string;
  readonly write: string;
  readonly read: string;
}

export interface PolicyModel {
  readonly name: string;
  readonly pattern: string;
  readonly applyTo: string;
  readonly priority: number;
  readonly definition: Readonly<Record<string, string | number | boolean>>;
}

export interface ExchangeModel {
  readonly name: string;
  readonly type: "topic" | "direct" | "fanout" | "headers";
}

/** What is published to one exchange under a key is also routed by another one. */
export interface ExchangeBindingModel {
  readonly source: string;
  readonly destination: string;
  readonly key: string;
}

/** A durable queue of the config, not one that agents declare. */
export interface QueueModel {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
  readonly bindings: readonly { readonly exchange: string; readonly key: string }[];
}

/** A queue that agents declare. */
export interface AgentQueueModel extends QueueModel {
  /** The only agent that declares it; absent: any dispatcher does. */
  readonly declaredBy?: { readonly host: string; readonly unit: string };
}

/** One RabbitMQ cluster and the objects in it. */
export interface ClusterModel {
  readonly name: string;
  readonly series: RabbitmqSeries;
  readonly members: readonly { readonly host: string; readonly address: string }[];
  readonly management: { readonly scheme: "http" | "https"; readonly port: number };
  readonly administrator: { readonly name: string; readonly password: string };
  readonly users: readonly UserModel[];
  readonly exchanges: readonly ExchangeModel[];
  readonly exchangeBindings: readonly ExchangeBindingModel[];
  readonly queues: readonly QueueModel[];
  readonly policies: readonly PolicyModel[];
  readonly operatorPolicies: readonly PolicyModel[];
  /** Absent: warren sets and clears none. */
  readonly limits?: BrokerLimits;
  /** Queues that agents declare, by name and binding: observed, not created. */
  readonly agentQueues: readonly AgentQueueModel[];
  /** Existed before warren: its objects are recorded, not created. */
  readonly found?: boolean;
}

/** An address that moves between hosts. */
export interface VirtualIpModel {
  readonly name: string;
  readonly address: string;
  /** Hosts that can hold it, highest priority first. */
  readonly hosts: readonly string[];
}

/** The model from which preview, drift, checks, runbooks and tests are derived. */
export interface EnvironmentModel {
  readonly stack: string;
  readonly hosts: readonly HostModel[];
  readonly clusters: readonly ClusterModel[];
  readonly virtualIps: readonly VirtualIpModel[];
}

/** What the model needs to know of files that are built from the checkout. */
export type ArtifactSource = Pick<ArtifactModel, "source" | "sha256" | "installedSha256" | "bytes">;

/** The agents that are deployed on hosts. */
export const placedAgents = [
  "announcer",
  "auditor",
  "bridge",
  "dispatcher",
  "monitor",
  "puller",
  "queue-manager",
  "receiver",
  "sender",
  "watcher",
] as const;

/** `node`, the agents by name, and the subscriber of `docs/subscribe`. */
export type ArtifactSources = Readonly<Record<"node" | "subscriber" | (typeof placedAgents)[number], ArtifactSource>>;
