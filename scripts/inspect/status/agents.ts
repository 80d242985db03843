import type { AgentPlace, Chain } from "../snapshot/chain.ts";
import { canSend, type Evidence, type HostEvidence, hostEvidence } from "../snapshot/evidence.ts";
import { waitSeconds } from "../verify/dispatch-steps.ts";

/**
 * sr3's words for the state of an agent. `stop`: its unit is down. `hung`: it runs but doesn't answer. `part`: it works without a broker, on disk. `wVip`: it
 * waits for the virtual IP. `reje`: it rejects or dead-letters. `rtry`: it retries. `lag`: work waits for longer than ten seconds. `slow`: a product takes
 * longer than five. `idle`: nothing to do since the last snapshot. `run`. And `away`, unknown to sr3: its host doesn't answer.
 */
export type Word = "stop" | "hung" | "part" | "wVip" | "reje" | "rtry" | "lag" | "slow" | "idle" | "run" | "away";

export interface AgentStatus {
  readonly host: string;
  readonly agent: string;
  readonly word: Word;
  /** Products a second since the last snapshot. */
  readonly perSecond: number;
  /** Mean seconds of a product's first attempt since then; undefined if there was none. */
  readonly meanSeconds?: number;
  /** The text of its `/health`. */
  readonly text: string;
}

const lagSeconds = 10;
const slowSeconds = 5;

/** The metrics of an agent; values are summed over all labels. */
interface Counters {
  readonly done: string;
  readonly deadLettered: readonly string[];
  readonly retried: readonly string[];
  /** A histogram of seconds. */
  readonly took?: string;
}

const counters: Readonly<Partial<Record<AgentPlace["name"], Counters>>> = {
  announcer: {
    done: "warren_announcer_announced_total",
    deadLettered: ["warren_announcer_rejected_total"],
    retried: ["warren_announcer_publish_failures_total"],
    took: "warren_announcer_announce_latency_seconds",
  },
  dispatcher: {
    done: "warren_dispatcher_dispatched_total",
    deadLettered: ["warren_dispatcher_dead_letters_total"],
    retried: ["warren_dispatcher_publish_failures_total"],
    took: "warren_dispatcher_dispatch_seconds",
  },
  puller: {
    done: "warren_puller_pulled_total",
    deadLettered: ["warren_puller_dead_lettered_total"],
    retried: ["warren_puller_retries_total", "warren_puller_alternates_asked_total"],
    took: "warren_puller_pull_duration_seconds",
  },
};

/** The status of every agent, in the order of hosts. Pure. */
export function agentStatuses(now: Evidence, before: Evidence): AgentStatus[] {
  return now.chain.hosts.flatMap(({ name: host, agents }) =>
    agents.map((place): AgentStatus => {
      const found = hostEvidence(now, host);
      if (!found) return { host, agent: place.name, word: "away", perSecond: 0, text: "the host doesn't answer" };
      return agentStatus(now, place, host, found, hostEvidence(before, host));
    }),
  );
}

function agentStatus(
  evidence: Evidence,
  place: AgentPlace,
  host: string,
  found: HostEvidence,
  before: HostEvidence | undefined,
): AgentStatus {
  const answer = found.agents[place.name];
  const unit = found.units[place.unit];
  const isUp = unit?.active === "active" || unit?.active === "activating";
  const base = { host, agent: place.name, perSecond: 0 };
  if (!isUp) return { ...base, word: "stop", text: unit ? `${unit.active} (${unit.sub})` : "no such unit" };
  if (!answer?.health) return { ...base, word: "hung", text: answer?.silent ?? "not asked" };
  const seconds = before ? (found.nowMs - before.nowMs) / 1000 : 0;
  const counts = counters[place.name];
  const grown = (sample: string): number => {
    const grew = sumOf(found, place.name, sample) - (before ? sumOf(before, place.name, sample) : 0);
    // After a restart a counter begins at 0.
    return before && seconds > 0 ? Math.max(0, grew) : 0;
  };
  const done = counts ? grown(counts.done) : 0;
  const took = counts?.took === undefined ? 0 : grown(`${counts.took}_count`);
  const meanSeconds = took > 0 ? grown(`${counts?.took}_sum`) / took : undefined;
  const { health } = answer;
  const word = (): Word => {
    if (health.connectionTo === "broker" && !canSend(health)) return "part";
    if (health.state === "standby") return "wVip";
    if (counts?.deadLettered.some((name) => grown(name) > 0)) return "reje";
    if (counts?.retried.some((name) => grown(name) > 0) || (health.retrying ?? 0) > 0) return "rtry";
    if (waitsFor(evidence, place.name, health.spooled, done / Math.max(seconds, 1)) > lagSeconds) return "lag";
    if ((meanSeconds ?? 0) > slowSeconds) return "slow";
    return done > 0 || !counts ? "run" : "idle";
  };
  return {
    ...base,
    word: word(),
    perSecond: seconds > 0 ? done / seconds : 0,
    ...(meanSeconds === undefined ? {} : { meanSeconds }),
    text: health.text,
  };
}

/** Seconds until the work that waits for this kind of agent is done; infinite if nothing moves. */
function waitsFor({ chain, broker }: Evidence, agent: string, spooled: number | undefined, perSecond: number): number {
  if (agent === "announcer") {
    return (spooled ?? 0) / Math.max(perSecond, 1);
  }
  const name = queueOf(chain, agent);
  const queue = name === undefined ? undefined : broker.queues?.[name];
  if (!queue || queue.ready === 0) return 0;
  return waitSeconds(queue) ?? Number.POSITIVE_INFINITY;
}

const queueOf = ({ queues }: Chain, agent: string): string | undefined =>
  agent === "dispatcher" ? queues.input : agent === "puller" ? queues.pull : undefined;

/** The sum over all labels. */
function sumOf({ agents }: HostEvidence, agent: string, sample: string): number {
  const samples = Object.entries(agents[agent]?.metrics ?? {});
  return samples
    .filter(([name]) => name === sample || name.startsWith(`${sample}{`))
    .reduce((sum, [, value]) => sum + value, 0);
}
