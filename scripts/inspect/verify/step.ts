import { type AgentPlace, type Chain, chainHostOf } from "../snapshot/chain.ts";
import { type Evidence, type HeadEvidence, type HostEvidence, hostEvidence } from "../snapshot/evidence.ts";

/**
 * What a step has found. `unknown`: what would tell is silent, which is a finding of another step. `waits`: it stands still for something that comes
 * later in the chain; where nothing later is broken, it is broken itself.
 */
export interface Verdict {
  readonly verdict: "good" | "broken" | "unknown" | "waits";
  /** One sentence, with the figures that it rests on. */
  readonly evidence: string;
  /** What to do; of a step that is not good. */
  readonly remedy?: string;
  /** Of an agent that keeps ending, for other programs. */
  readonly crash?: Crash;
}

/** What `--json` has of an agent that keeps ending. */
export interface Crash {
  readonly agent: string;
  readonly unit: string;
  /** Within the last ten minutes, and since somebody started it. */
  readonly restarts: number;
  readonly lastRestartMs: number;
  /** In systemd's words. */
  readonly result: string;
  readonly exitStatus: number;
  /** What it wrote before its last end: its last fatal line, else other last words. */
  readonly lastWords?: string;
  /** The first message of each queue that it takes from; without those that are empty. */
  readonly heads: Readonly<Record<string, HeadEvidence | { readonly silent: string }>>;
}

/** The three parts of the requirement's last chapter, then those of the public road, then what is placed beside the roads. */
export type Part = "URP" | "bunny" | "PDS" | "px" | "DD" | "client" | "beside";

/**
 * The name of a step for programs: it stays when the sentence beside it is said otherwise. The same kind of link has the same id in each part of the
 * chain, so part and id name a step, and host and id nearly always do.
 */
export type StepId =
  | ChainStepId
  | `${AgentPlace["name"]}-${"runs" | "is-well"}`
  /** Of what a probe has not become; these are no steps of the table. */
  | `probe-is-${string}`;

type ChainStepId =
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
  | "queues-are-replicated"
  | "reaches-public-server"
  | "reaches-radar-servers"
  | "receivers-are-well"
  | "receivers-run"
  | "server-lets-px-in"
  | "subscriber-runs"
  | "virtual-ip-on-one-host";

/** One link of the chain, on each host that it is made of. */
export interface Step {
  readonly id: StepId;
  readonly name: string;
  readonly part: Part;
  readonly hosts: (chain: Chain) => readonly string[];
  readonly judge: (look: Look, host: string) => Verdict;
}

/** What judges see. */
export interface Look {
  readonly evidence: Evidence;
  /** Seconds for which a radar server may make nothing. */
  readonly productAgeSeconds: number;
}

export const good = (evidence: string): Verdict => ({ verdict: "good", evidence });
export const broken = (evidence: string, remedy: string): Verdict => ({ verdict: "broken", evidence, remedy });
export const waits = (evidence: string, remedy: string): Verdict => ({ verdict: "waits", evidence, remedy });

/** Judges a host by its own words; where it said none, there is nothing to judge. */
export const byHost =
  (judge: (host: HostEvidence, look: Look, name: string) => Verdict): Step["judge"] =>
  (look, name) => {
    const found = hostEvidence(look.evidence, name);
    return found ? judge(found, look, name) : { verdict: "unknown", evidence: "the host doesn't answer" };
  };

/** A command line that does something on a host, from the checkout. */
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
