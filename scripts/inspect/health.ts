import type { StackConfig } from "../../infra/config/index.ts";
import type { SeriesTraits } from "../../infra/config/series.ts";
import { poll } from "../lib/poll.ts";
import { type Chain, chainHostOf } from "./snapshot/chain.ts";
import { type Evidence, hostEvidence, type QueueEvidence } from "./snapshot/evidence.ts";
import { bareSnapshot, type Observer, openObserver } from "./snapshot/snapshot.ts";
import { type Judged, verify } from "./verify/judge.ts";
import type { StepId } from "./verify/step.ts";

/** Why a system is not healthy, as a step of `verify` reports it. */
export interface Problem extends Pick<Judged, "host" | "step" | "evidence"> {
  /** A step of `verify`, or one of planned work. */
  readonly id: StepId | "can-be-spared" | "virtual-ip-moves" | "misses-other-member";
  readonly remedy: string;
}

/** Steps that must be good in a healthy cluster. Products, disk space and dead letters are not part of its health. */
const clusterSteps: readonly StepId[] = [
  "host-answers",
  "broker-runs",
  "broker-serves",
  "members-are-together",
  "no-alarm",
  "keepalived-runs",
  "virtual-ip-on-one-host",
  "on-the-preferred-host",
  "queues-are-replicated",
  "dispatcher-runs",
  "one-dispatcher-is-active",
  "ledger-is-read",
];
/** The same for hosts of agents. */
const agentSteps: readonly StepId[] = ["host-answers", "announcer-runs", "puller-runs"];

export interface HealthOptions {
  /** Hosts beside the members of the broker that must be healthy; by default all of them. */
  readonly hosts?: readonly string[];
  /** The address is on another host than the preferred one on purpose. */
  readonly isMoved?: boolean;
}

/**
 * The first problem of the cluster or a host; undefined if it is healthy: members running and together, no alarm, no partition, every queue of the chain in
 * step on all members, the virtual IP on its host, one dispatcher active, agents connected. Pure.
 */
export function problemOf(evidence: Evidence, { hosts, isMoved = false }: HealthOptions = {}): Problem | undefined {
  const { chain } = evidence;
  const { steps } = verify(evidence, { productAgeSeconds: chain.silenceSeconds });
  const isSelected = (host: string) => hosts === undefined || hosts.includes(host);
  const judged = steps.find(({ part, id, host, verdict }) => {
    if (verdict === "good" || (isMoved && id === "on-the-preferred-host")) return false;
    return part === "bunny" ? clusterSteps.includes(id) : agentSteps.includes(id) && isSelected(host);
  });
  if (judged) {
    const { host, id, step, evidence: what, remedy = "" } = judged;
    return { host, id, step, evidence: what, remedy };
  }
  return chain.hosts.filter(({ name }) => isSelected(name)).flatMap(({ name }) => startingAgent(evidence, name))[0];
}

/** An agent that is not ready: its unit stays in `activating` until it is connected. Includes agents that `verify` does not check. */
function startingAgent(evidence: Evidence, host: string): Problem[] {
  const found = hostEvidence(evidence, host);
  return chainHostOf(evidence.chain, host).agents.flatMap(({ name, unit }): Problem[] => {
    const state = found?.units[unit];
    if (state?.active === "active") return [];
    const what = state ? `${state.active} (${state.sub})${state.status ? `: ${state.status}` : ""}` : "unknown";
    const remedy = `./warren logs -s ${evidence.chain.stack} --host ${host} --agent ${name} --since 600`;
    return [{ host, id: `${name}-runs`, step: `${name} runs`, evidence: `${unit} is ${what}`, remedy }];
  });
}

type Replication = SeriesTraits["replication"];

/**
 * The problem that queues would have if a member failed now; undefined if all of them would still work: a quorum queue needs a majority of its replicas, a
 * mirrored one another mirror in step. Queues with one replica depend on their host in any case and are not judged. Pure.
 */
export function problemWithout(evidence: Evidence, host: string, replication: Replication): Problem | undefined {
  const { chain, broker } = evidence;
  if (!canSpare(chain, replication)) return undefined;
  const stuck = Object.values(broker.queues ?? {}).find((queue) => !goesOnWithout(queue, host, replication));
  if (!stuck) return undefined;
  const left = stuck.inStep.filter((node) => node !== nodeOf(host)).length;
  return {
    host,
    id: "can-be-spared",
    step: "cluster can spare it",
    evidence: `${stuck.name} has ${stuck.replicas.length} replicas, of which ${left} are in step without ${host}`,
    remedy: `wait until its replicas have caught up; check with ./warren verify -s ${chain.stack}`,
  };
}

const nodeOf = (host: string): string => `rabbit@${host}`;

function goesOnWithout({ replicas, inStep }: QueueEvidence, host: string, replication: Replication): boolean {
  if (replicas.length < 2 || !replicas.includes(nodeOf(host))) return true;
  const left = inStep.filter((node) => node !== nodeOf(host)).length;
  return replication === "quorum" ? left > replicas.length / 2 : left >= 1;
}

/** Whether the broker has enough members to work without one of them. */
export const canSpare = ({ members }: Pick<Chain, "members">, replication: Replication): boolean =>
  members.length >= (replication === "quorum" ? 3 : 2);

export interface AwaitOptions {
  readonly withinMs: number;
  /** How long it must stay healthy, in milliseconds. */
  readonly forMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called for each new problem while waiting. */
  onProblem(problem: Problem): void;
}

/** Problems that disappear within this time are not findings: a busy broker answers late. */
export const findingWithinMs = 20_000;
/** Extra time for a broker that runs but whose management API does not answer, because it is busy. */
const busyForMs = 40_000;

/** One line: host, step, evidence. */
export const describeProblem = ({ host, step, evidence }: Problem): string => `${host}, ${step}: ${evidence}`;

/**
 * Waits until a stack is healthy, with its current logins and certificates.
 *
 * @param as see `openObserver`
 * @returns the problem that is left when the time is over
 */
export async function awaitHealthy(
  stack: string,
  options: AwaitOptions,
  as?: (config: StackConfig) => StackConfig,
): Promise<Problem | undefined> {
  const observer = await openObserver(stack, as);
  try {
    return await awaitNoProblem(
      () => observer.snapshot(bareSnapshot),
      (evidence) => problemOf(evidence),
      options,
    );
  } finally {
    observer.close();
  }
}

/** Healthy means two good checks in a row: one may fall between the loss of a queue's leader and its being noticed. */
const checksInRow = 2;
const checkEveryMs = 500;

/** The problem that prevents planned work. */
export const problemBefore = (
  observer: Pick<Observer, "snapshot">,
  judge: (evidence: Evidence) => Problem | undefined,
  signal: AbortSignal,
): Promise<Problem | undefined> =>
  awaitNoProblem(() => observer.snapshot(bareSnapshot), judge, {
    withinMs: findingWithinMs,
    signal,
    onProblem: () => {},
  });

/** Takes snapshots until there is no problem. @returns the problem that is left when the time is over, with extra time for a busy broker */
export async function awaitNoProblem(
  snapshot: () => Promise<Evidence>,
  judge: (evidence: Evidence) => Problem | undefined,
  { withinMs, forMs = 0, signal, onProblem }: AwaitOptions,
): Promise<Problem | undefined> {
  const deadlineMs = performance.now() + withinMs;
  let reported = "";
  let good = 0;
  let goodSinceMs = 0;
  const findings = async (): Promise<{ readonly problem: Problem | undefined } | undefined> => {
    const problem = judge(await snapshot());
    good = problem ? 0 : good + 1;
    if (good === 1) goodSinceMs = performance.now();
    if (good >= checksInRow && performance.now() - goodSinceMs >= forMs) return { problem: undefined };
    if (problem && performance.now() >= deadlineMs + (problem.id === "broker-serves" ? busyForMs : 0))
      return { problem };
    if (problem && `${problem.host} ${problem.evidence}` !== reported) {
      reported = `${problem.host} ${problem.evidence}`;
      onProblem(problem);
    }
    return undefined;
  };
  return (await poll(findings, { everyMs: checkEveryMs, signal }))?.problem;
}
