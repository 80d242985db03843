import type { Health } from "../../../agents/lib/health.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import type { Chain } from "./chain.ts";

/** The state of a unit in systemd. */
export interface UnitEvidence {
  readonly active: string;
  readonly sub: string;
  /** Restarts by systemd since an operator or `up` started the unit. */
  readonly restarts: number;
  /** The unit's own status text. */
  readonly status: string;
  /** How its last process exited, as systemd names it: `success`, `exit-code`, `signal`, `watchdog`, … */
  readonly result?: string;
  /** Exit code of its last process, or the number of the signal that killed it. */
  readonly exitStatus?: number;
}

/** What a unit printed before its last exit. All text is printable and bounded. */
export interface EndEvidence {
  /** The message of its last line of level fatal. */
  readonly fatal?: string;
  /** Output of its last process outside the log: an uncaught error, or an error in its settings. */
  readonly words?: string;
}

/** The first message of a queue, without its content. All text is printable and bounded, because anybody may have sent it. */
export interface HeadEvidence {
  readonly routingKey: string;
  readonly redelivered: boolean;
  readonly bodyBytes: number;
  readonly body: string;
  /** Bytes of each header as JSON, by name. */
  readonly headers: readonly { readonly name: string; readonly bytes: number }[];
  /** Number of further headers. */
  readonly moreHeaders: number;
}

/** An HTTP answer, or why there is none. */
export type HttpAnswer =
  | { readonly status: number; readonly bytes: number; readonly body: string }
  | { readonly silent: string };

/** The answer of an agent's `/health`. While it starts, and in earlier releases, some fields are missing. */
export type HealthEvidence = Pick<Health, "ok" | "text"> & {
  readonly [Key in keyof Health]?: Health[Key] | undefined;
};

/** An agent's own answers, over loopback on its host. */
export interface AgentEvidence {
  readonly health?: HealthEvidence;
  /** Why there is no answer. */
  readonly silent?: string;
  /** Value by sample, e.g. `warren_puller_pulled_total`; only on request. */
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

/** The state of one host. Times are by the host's clock. */
export interface HostEvidence {
  readonly nowMs: number;
  readonly units: Readonly<Record<string, UnitEvidence>>;
  readonly addresses: readonly string[];
  readonly agents: Readonly<Record<string, AgentEvidence>>;
  /** By unit: the times of restarts by systemd within the last ten minutes and since the unit was started otherwise; oldest first, at most the last hundred. */
  readonly restarts?: Readonly<Record<string, readonly number[]>>;
  /** By unit, for those in a crash loop. */
  readonly ends?: Readonly<Record<string, EndEvidence>>;
  readonly disks: readonly DiskEvidence[];
  /** Whether this host's broker answers AMQP on loopback. */
  readonly amqp?: { readonly ok: true } | { readonly silent: string };
  /** Whether something listens at its port for MQTT, on loopback. */
  readonly mqtt?: { readonly ok: true } | { readonly silent: string };
  /** The newest files of the product tree, newest first; on radar servers. */
  readonly newest?: readonly ProductEvidence[];
  /** When the announcer wrote its last announcement into its spool. */
  readonly announcedAtMs?: number;
  /** When the puller last renamed a product into place. */
  readonly placedAtMs?: number;
  readonly fetches?: readonly FetchEvidence[];
  /** Files waiting in px's txqs, by the agent that empties the txq. */
  readonly txqs?: Readonly<Record<string, TxqEvidence>>;
  /** Whether px can log in to each public data server as its sender does; `silent`: ssh's error message. */
  readonly logins?: Readonly<Record<string, LoginEvidence>>;
  /** When a product was last renamed into place in a client's folder. */
  readonly fetchedAtMs?: number;
}

export type LoginEvidence = { readonly ok: true } | { readonly silent: string };

export interface TxqEvidence {
  readonly files: number;
  /** When the file that has waited longest was renamed into place. */
  readonly oldestMs?: number;
  /** Files that can't be sent and were set aside. */
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
  /** Members with a replica, and those whose replica is in step. */
  readonly replicas: readonly string[];
  readonly inStep: readonly string[];
}

/** The answer of one member's management API; `silent`: why there is none. */
export type MemberEvidence = { readonly nodes: readonly NodeEvidence[] } | { readonly silent: string };

export interface BrokerEvidence {
  /** By host. */
  readonly members: Readonly<Record<string, MemberEvidence>>;
  /** By name, from the first member that answers; undefined if none does. */
  readonly queues?: Readonly<Record<string, QueueEvidence>>;
  /** For queues whose agent is in a crash loop: the first message, or why it can't be read. Empty queues are left out. */
  readonly heads?: Readonly<Record<string, HeadEvidence | { readonly silent: string }>>;
}

/** Everything collected in one snapshot. Plain data, which can be stored and judged again. */
export interface Evidence {
  readonly chain: Chain;
  readonly hosts: Readonly<Record<string, HostEvidence | Unreachable>>;
  readonly broker: BrokerEvidence;
  /** The brokers of the public data servers, by name. */
  readonly publicBrokers: Readonly<Record<string, BrokerEvidence>>;
}

/** A host's state; undefined if it did not answer. */
export function hostEvidence(evidence: Evidence, host: string): HostEvidence | undefined {
  const found = evidence.hosts[host];
  return found === undefined || "unreachable" in found ? undefined : found;
}

/** Whether an agent can publish: it is connected, and the broker has no alarm. */
export const canSend = ({ connected, blocked }: HealthEvidence): boolean => connected === true && blocked !== true;

/** Hosts that hold the virtual IP now: exactly one, unless it is moving or something is wrong. */
export function holdersOf(evidence: Evidence): string[] {
  const { members, vip } = evidence.chain;
  return vip ? members.filter((host) => hostEvidence(evidence, host)?.addresses.includes(vip.address)) : [];
}
