import type { Health } from "../../../agents/lib/health.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import type { Chain } from "./chain.ts";

/** What systemd says of a unit. */
export interface UnitEvidence {
  readonly active: string;
  readonly sub: string;
  /** Restarts by systemd since it was started by somebody. */
  readonly restarts: number;
  /** In the words of the unit itself. */
  readonly status: string;
  /** How its last process ended, in systemd's own words: `success`, `exit-code`, `signal`, `watchdog`, … */
  readonly result?: string;
  /** Exit code of its last process, or the number of the signal that ended it. */
  readonly exitStatus?: number;
}

/** What a unit wrote before its last end. All text is printable and bounded. */
export interface EndEvidence {
  /** The message of its last line of level fatal. */
  readonly fatal?: string;
  /** What its last process wrote beside its log: an error that nobody caught, or a mistake in its settings. */
  readonly words?: string;
}

/** The first message of a queue, without its content. All text is printable and bounded: it may come from anybody. */
export interface HeadEvidence {
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly bodyBytes: number;
  readonly body: string;
  /** Bytes of each header as JSON, by name. */
  readonly headers: readonly { readonly name: string; readonly bytes: number }[];
  /** Headers beyond those. */
  readonly moreHeaders: number;
}

/** What came over HTTP, or why nothing did. */
export type HttpAnswer =
  | { readonly status: number; readonly bytes: number; readonly body: string }
  | { readonly silent: string };

/** What an agent's `/health` says. Of one that starts, or of an earlier release, not all is known. */
export type HealthEvidence = Pick<Health, "ok" | "text"> & {
  readonly [Key in keyof Health]?: Health[Key] | undefined;
};

/** An agent's own words, by loopback on its host. */
export interface AgentEvidence {
  readonly health?: HealthEvidence;
  /** Why it said nothing. */
  readonly silent?: string;
  /** Value by sample, e.g. `warren_puller_pulled_total`; only where it was asked for. */
  readonly metrics?: Readonly<Record<string, number>>;
}

export interface DiskEvidence {
  readonly mount: string;
  readonly usedPercent: number;
  readonly freeBytes: number;
}

export interface ProductEvidence {
  /** Below the product root. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** One product fetched as a puller fetches it. */
export interface FetchEvidence {
  readonly from: string;
  readonly product: ProductEvidence;
  readonly answer: HttpAnswer;
}

/** What one host says of itself. Times are of the host's clock. */
export interface HostEvidence {
  readonly nowMs: number;
  readonly units: Readonly<Record<string, UnitEvidence>>;
  readonly addresses: readonly string[];
  readonly agents: Readonly<Record<string, AgentEvidence>>;
  /** By unit: when systemd started it again, within the last ten minutes and since somebody started it; the oldest first, at most the last hundred. */
  readonly restarts?: Readonly<Record<string, readonly number[]>>;
  /** By unit that keeps ending. */
  readonly ends?: Readonly<Record<string, EndEvidence>>;
  readonly disks: readonly DiskEvidence[];
  /** Whether the broker of this host answers AMQP on loopback. */
  readonly amqp?: { readonly ok: true } | { readonly silent: string };
  /** The newest files of the product tree, the newest first; of radar servers. */
  readonly newest?: readonly ProductEvidence[];
  /** When the announcer wrote its last announcement into its spool. */
  readonly announcedAtMs?: number;
  /** When the puller gave a product its name for the last time. */
  readonly placedAtMs?: number;
  readonly fetches?: readonly FetchEvidence[];
  /** By the agent that empties it: files that wait in px's txqs. */
  readonly txqs?: Readonly<Record<string, TxqEvidence>>;
  /** Whether px gets in on the public data server as its sender does; `silent`: what ssh said. */
  readonly login?: { readonly ok: true } | { readonly silent: string };
  /** When a product last got its name in a client's folder. */
  readonly fetchedAtMs?: number;
}

export interface TxqEvidence {
  readonly files: number;
  /** When the one that waits for the longest got its name. */
  readonly oldestMs?: number;
  /** Files that can't be sent, put aside. */
  readonly aside: number;
}

export interface NodeEvidence {
  readonly name: string;
  readonly running: boolean;
  readonly partitions: readonly string[];
  readonly memoryAlarm: boolean;
  readonly diskAlarm: boolean;
}

export interface QueueEvidence {
  readonly name: string;
  readonly state: string;
  readonly messages: number;
  readonly ready: number;
  readonly unacknowledged: number;
  readonly consumers: number;
  /** Messages a second, over the last seconds. */
  readonly published: number;
  readonly acknowledged: number;
  /** Members that have a replica, and of these the ones that are in step. */
  readonly replicas: readonly string[];
  readonly inStep: readonly string[];
}

/** What the management API of one member says; `silent`: why it says nothing. */
export type MemberEvidence = { readonly nodes: readonly NodeEvidence[] } | { readonly silent: string };

export interface BrokerEvidence {
  /** By host. */
  readonly members: Readonly<Record<string, MemberEvidence>>;
  /** By name, as the first member tells them that answers; undefined where none does. */
  readonly queues?: Readonly<Record<string, QueueEvidence>>;
  /** By queue whose agent keeps ending: its first message, or why it can't be seen; undefined where it is empty. */
  readonly heads?: Readonly<Record<string, HeadEvidence | { readonly silent: string }>>;
}

/** All that was gathered at one look. Plain data: it can be kept, and judged again. */
export interface Evidence {
  readonly chain: Chain;
  readonly hosts: Readonly<Record<string, HostEvidence | Unreachable>>;
  readonly broker: BrokerEvidence;
  /** The broker that tells the public. */
  readonly publicBroker?: BrokerEvidence;
}

/** A host's own words; undefined where it said none. */
export function hostEvidence(evidence: Evidence, host: string): HostEvidence | undefined {
  const found = evidence.hosts[host];
  return found === undefined || "unreachable" in found ? undefined : found;
}

/** Whether what an agent sends is taken: it has its connection, and the broker has no alarm. */
export const canSend = ({ connected, blocked }: HealthEvidence): boolean => connected === true && blocked !== true;

/** Who has the virtual IP now: one, unless it is moving or something is wrong. */
export function holdersOf(evidence: Evidence): string[] {
  const { members, vip } = evidence.chain;
  return vip ? members.filter((host) => hostEvidence(evidence, host)?.addresses.includes(vip.address)) : [];
}
