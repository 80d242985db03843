import type { Command } from "../commands/command.ts";
import type { FilePlace } from "../commands/files.ts";
import type { RabbitmqSeries } from "../config/series.ts";

/** How the engine and the observer reach a host. Keys are paths in the checkout; the shells read them. */
export interface ConnectionModel {
  readonly host: string;
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
  /** Files that a package's first start reads are there before it; files that are judged by a package come after. */
  readonly order: "before-packages" | "after-packages";
  /** argv that judges the file, `{candidate}` standing for it; non-zero refuses it. */
  readonly validate?: readonly string[];
  /** The judging program, for a file that is there before packages: it judges where it is installed already. */
  readonly validator?: string;
  /** Steps of other hosts, as `HOST STEP`, that come before. */
  readonly after?: readonly string[];
  /** Runs before the file is written anew, when what it will be lies whole under its temporary name; not when it is written for the first time. */
  readonly beforeRenewal?: Command;
  /** Runs after the file was written anew, not when it is written for the first time. */
  readonly afterRenewal?: Command;
  /** Left where it is when the stack is destroyed: hosts can't live without it. */
  readonly keep: boolean;
}

export interface PackageModel {
  readonly name: string;
  /** Version pattern of the pin, e.g. `3.10.*`; a pinned package is held. */
  readonly series?: string;
  /** Stays when the stack is destroyed: others on the host may live by it, and purged it would take their configuration along. */
  readonly keep?: boolean;
}

/** A file too large for standard input, brought from the checkout's build folder. */
export interface ArtifactModel extends FilePlace {
  readonly name: string;
  /** Path in the checkout; `.gz` is decompressed on the host. */
  readonly source: string;
  /** Of the source file. */
  readonly sha256: string;
  /** Of the installed file. */
  readonly installedSha256: string;
  readonly bytes: number;
}

export interface UnitModel {
  readonly name: string;
  /** What to do when one of `reads` has changed. */
  readonly onChange: "restart" | "reload";
  /** Paths of files and artifacts of this host that the unit reads. */
  readonly reads: readonly string[];
  /** Units of other hosts, as `HOST UNIT`, that are brought up before this one: hosts that stand in for each other take turns. */
  readonly after: readonly string[];
  /** The same, but those that can't be asked hold nobody up. */
  readonly afterAsked?: readonly string[];
  /** The cluster whose users, exchanges and policies it waits for. */
  readonly afterBroker: string | false;
  /** Comes with a package, and goes with it. */
  readonly packaged: boolean;
  /** Runs on when the stack is destroyed: nobody could log in without it. */
  readonly keep?: boolean;
}

/** Everything that one host has to be. */
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
  /** Names of the steps that stand for what was found on the host, not made: recorded as they are, never taken off it. */
  readonly found?: readonly string[];
}

export interface UserModel {
  readonly name: string;
  /** Absent: the broker keeps none, LDAP checks it. */
  readonly password?: string;
  readonly tags: readonly string[];
  /** Regular expressions on `/`; absent: no permission on it. */
  readonly permissions?: { readonly configure: string; readonly write: string; readonly read: string };
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

/** A durable queue; what the agents declare for themselves is not among them. */
export interface QueueModel {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
  readonly bindings: readonly { readonly exchange: string; readonly key: string }[];
}

/** A queue that the agents declare for themselves. */
export interface AgentQueueModel extends QueueModel {
  /** Whose agent alone declares it; absent: any dispatcher does. */
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
  /** The one of them that the agents log in as. */
  readonly agentUser: string;
  readonly exchanges: readonly ExchangeModel[];
  readonly queues: readonly QueueModel[];
  readonly policies: readonly PolicyModel[];
  readonly operatorPolicies: readonly PolicyModel[];
  /** What the agents declare for themselves, by name and binding: looked at, not made. */
  readonly agentQueues: readonly AgentQueueModel[];
  /** Was there before warren: what it has already is recorded, not made. */
  readonly found?: boolean;
}

/** An address that moves between hosts. */
export interface VirtualIpModel {
  readonly name: string;
  readonly address: string;
  /** Who may hold it, the best first. */
  readonly hosts: readonly string[];
}

/** The one description from which preview, drift, checks, runbooks and tests read. */
export interface EnvironmentModel {
  readonly stack: string;
  readonly hosts: readonly HostModel[];
  readonly clusters: readonly ClusterModel[];
  readonly virtualIps: readonly VirtualIpModel[];
}

/** What the model needs to know of files that are built from the checkout. */
export type ArtifactSource = Pick<ArtifactModel, "source" | "sha256" | "installedSha256" | "bytes">;

/** The agents that are brought to hosts. */
export const placedAgents = [
  "announcer",
  "bridge",
  "dispatcher",
  "puller",
  "queue-manager",
  "receiver",
  "sender",
  "watcher",
] as const;

/** `node`, the agents by name, and the subscriber of `docs/subscribe`. */
export type ArtifactSources = Readonly<Record<"node" | "subscriber" | (typeof placedAgents)[number], ArtifactSource>>;
