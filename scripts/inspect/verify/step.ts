import { type AgentPlace, type Chain, chainHostOf } from "../snapshot/chain.ts";
import { type Evidence, type HeadEvidence, type HostEvidence, hostEvidence } from "../snapshot/evidence.ts";

/**
 * The finding of a step. `unknown`: the source of information does not answer, which another step reports. `waits`: blocked by something later in the chain;
 * if nothing later is broken, this step is broken itself.
 */
export interface Verdict {
  readonly verdict: "good" | "broken" | "unknown" | "waits";
  /** One sentence with the figures it is based on. */
  readonly evidence: string;
  /** What to do; set if the step is not good. */
  readonly remedy?: string;
  /** Set for an agent in a crash loop, for other programs. */
  readonly crash?: Crash;
}

/** Details of an agent in a crash loop, for `--json`. */
export interface Crash {
  readonly agent: string;
  readonly unit: string;
  /** Restarts within the last ten minutes, and since the unit was started otherwise. */
  readonly restarts: number;
  readonly lastRestartMs: number;
  /** As named by systemd. */
  readonly result: string;
  readonly exitStatus: number;
  /** Its last fatal log line or, failing that, its last output. */
  readonly lastWords?: string;
  /** The first message of each non-empty queue that it consumes. */
  readonly heads: Readonly<Record<string, HeadEvidence | { readonly silent: string }>>;
}

/** The three parts of the requirement's last chapter, then those of the public data server path, then bridges and receivers, then monitors. */
export type Part = "URP" | "bunny" | "PDS" | "px" | "DD" | "client" | "beside" | "monitor";

/**
 * The name of a step for programs; it stays when the title changes. The same kind of link has the same id in each part of the chain, so part and id identify a
 * step, and host and id nearly always do.
 */
export type StepId =
  | ChainStepId
  | `${AgentPlace["name"]}-${"runs" | "is-well"}`
  /** A hop that a probe did not reach; not a step of the table. */
  | `probe-is-${string}`;

type ChainStepId =
  | "alertmanager-runs"
  | "page-is-served"
  | "announcements-are-dispatched"
  | "announcements-are-taken"
  | "apache-runs"
  | "bridges-are-well"
  | "bridges-run"
  | "broker-answers"
  | "broker-runs"
  | "broker-serves"
  | "client-queues-are-short"
  | "clock-is-right"
  | "deliveries-are-announced"
  | "delivery-runs"
  | "disks-have-room"
  | "ftp-server-runs"
  | "host-answers"
  | "keepalived-runs"
  | "keeps-running"
  | "ledger-is-read"
  | "members-are-together"
  | "mqtt-is-served"
  | "no-alarm"
  | "no-dead-letters"
  | "nothing-is-put-aside"
  | "on-the-preferred-host"
  | "one-dispatcher-is-active"
  | "products-are-announced"
  | "products-are-delivered"
  | "products-are-fetched"
  | "products-are-made"
  | "products-are-pulled"
  | "products-are-served"
  | "prometheus-runs"
  | "queues-are-replicated"
  | "reaches-public-server"
  | "reaches-radar-servers"
  | "receivers-are-well"
  | "receivers-run"
  | "server-lets-px-in"
  | "subscriber-runs"
  | "virtual-ip-on-one-host";

/** One link of the chain, judged on each of its hosts. */
export interface Step {
  readonly id: StepId;
  readonly name: string;
  readonly part: Part;
  readonly hosts: (chain: Chain) => readonly string[];
  readonly judge: (input: JudgeInput, host: string) => Verdict;
}

/** The input of a judge. */
export interface JudgeInput {
  readonly evidence: Evidence;
  /** Seconds for which a radar server may make no product. */
  readonly productAgeSeconds: number;
}

export const good = (evidence: string): Verdict => ({ verdict: "good", evidence });
export const broken = (evidence: string, remedy: string): Verdict => ({ verdict: "broken", evidence, remedy });
export const waits = (evidence: string, remedy: string): Verdict => ({ verdict: "waits", evidence, remedy });

/** Judges a host by its own state; the verdict is `unknown` if it did not answer. */
export const byHost =
  (judge: (host: HostEvidence, input: JudgeInput, name: string) => Verdict): Step["judge"] =>
  (input, name) => {
    const found = hostEvidence(input.evidence, name);
    return found ? judge(found, input, name) : { verdict: "unknown", evidence: "the host doesn't answer" };
  };

/** A command line that runs a command on a host, to be used in the checkout. */
export function onHost({ chain }: Pick<Evidence, "chain">, host: string, command: string): string {
  const { user } = chainHostOf(chain, host);
  return `ssh -F .warren/ssh/${chain.stack}.config ${host} ${user === "root" ? "" : "sudo "}${command}`;
}

/** The command line that shows an agent's journal. */
export const logsOf = ({ chain }: Pick<Evidence, "chain">, host: string, agent: string): string =>
  `./warren logs -s ${chain.stack} --host ${host} --agent ${agent} --since 600`;

/** `4 s`, `12 min`, `3 h`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
