import type { StackConfig } from "../../infra/config/index.ts";
import type { SeriesTraits } from "../../infra/config/series.ts";
import { poll } from "../lib/poll.ts";
import { type Chain, chainHostOf } from "./snapshot/chain.ts";
import { type Evidence, hostEvidence, type QueueEvidence } from "./snapshot/evidence.ts";
import { bareSnapshot, type Observer, openObserver } from "./snapshot/snapshot.ts";
import { type Judged, verify } from "./verify/judge.ts";
import type { StepId } from "./verify/step.ts";

/** What a system lacks that should be whole, as `verify` says it. */
export interface Problem extends Pick<Judged, "host" | "step" | "evidence"> {
  /** As `verify` has it; or of what is no step of it. */
  readonly id: StepId | "can-be-spared" | "virtual-ip-moves" | "misses-other-member";
  readonly remedy: string;
}

/** Links of the chain that a whole cluster has; what radar servers make, what disks hold and what was put aside is no part of it. */
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
/** Of the hosts of agents. */
const agentSteps: readonly StepId[] = ["host-answers", "announcer-runs", "puller-runs"];

export interface HealthOptions {
  /** Hosts beside the members of the broker that have to be well; all of them unless given. */
  readonly hosts?: readonly string[];
  /** The address is meant to be on another host than the preferred one now. */
  readonly isMoved?: boolean;
}

/**
 * What the cluster or a host lacks; undefined where it lacks nothing: members running and together, no alarm, no partition, every queue of the chain on
 * all members in step, the virtual IP on its host, one dispatcher active, agents connected. Pure.
 */
export function problemOf(evidence: Evidence, { hosts, isMoved = false }: HealthOptions = {}): Problem | undefined {
  const { chain } = evidence;
  const { steps } = verify(evidence, { productAgeSeconds: chain.silenceSeconds });
  const isMeant = (host: string) => hosts === undefined || hosts.includes(host);
  const judged = steps.find(({ part, id, host, verdict }) => {
    if (verdict === "good" || (isMoved && id === "on-the-preferred-host")) return false;
    return part === "bunny" ? clusterSteps.includes(id) : agentSteps.includes(id) && isMeant(host);
  });
  if (judged) {
    const { host, id, step, evidence: what, remedy = "" } = judged;
    return { host, id, step, evidence: what, remedy };
  }
  return chain.hosts.filter(({ name }) => isMeant(name)).flatMap(({ name }) => startingAgent(evidence, name))[0];
}

/** Agents are ready when they have their broker; until then their units are about to start. Those that `verify` doesn't know, too. */
function startingAgent(evidence: Evidence, host: string): Problem[] {
  const found = hostEvidence(evidence, host);
  return chainHostOf(evidence.chain, host).agents.flatMap(({ name, unit }): Problem[] => {
    const state = found?.units[unit];
    if (state?.active === "active") return [];
    const what = state ? `${state.active} (${state.sub})${state.status ? `: ${state.status}` : ""}` : "not seen";
    const remedy = `./warren logs -s ${evidence.chain.stack} --host ${host} --agent ${name} --since 600`;
    return [{ host, id: `${name}-runs`, step: `${name} runs`, evidence: `${unit} is ${what}`, remedy }];
  });
}

type Replication = SeriesTraits["replication"];

/**
 * What the queues would lack if a member went away now; undefined where each goes on without it: a quorum queue by the majority of its replicas, a
 * mirrored one by another mirror in step. Queues with one replica go and come with their host, and are not judged. Pure.
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
    step: "can be spared",
    evidence: `${stuck.name} has ${stuck.replicas.length} replicas, and ${left} in step without ${host}`,
    remedy: `wait until its replicas have caught up: ./warren verify -s ${chain.stack}`,
  };
}

const nodeOf = (host: string): string => `rabbit@${host}`;

function goesOnWithout({ replicas, inStep }: QueueEvidence, host: string, replication: Replication): boolean {
  if (replicas.length < 2 || !replicas.includes(nodeOf(host))) return true;
  const left = inStep.filter((node) => node !== nodeOf(host)).length;
  return replication === "quorum" ? left > replicas.length / 2 : left >= 1;
}

/** Whether the broker is of so many members that it goes on without one of them. */
export const canSpare = ({ members }: Pick<Chain, "members">, replication: Replication): boolean =>
  members.length >= (replication === "quorum" ? 3 : 2);

export interface AwaitOptions {
  readonly withinMs: number;
  /** Good without a break for so long. */
  readonly forMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Told once of each thing that it lacks on the way. */
  onLack(lack: Problem): void;
}

/** A look that comes at a bad moment is no finding: a broker that has much to do answers late. */
export const findingWithinMs = 20_000;
/** A broker that runs and whose management API is silent has much to do: it is given so much longer. */
const busyForMs = 40_000;

/** For one line: where it lacks what, and by what that is seen. */
export const describeProblem = ({ host, step, evidence }: Problem): string => `${host}, ${step}: ${evidence}`;

/**
 * Waits for all of a stack to be whole, with logins and certificates as they are now.
 *
 * @param as see `openObserver`
 * @returns what it lacks when the time is over
 */
export async function awaitHealthy(
  stack: string,
  options: AwaitOptions,
  as?: (config: StackConfig) => StackConfig,
): Promise<Problem | undefined> {
  const looker = await openObserver(stack, as);
  try {
    return await awaitNoProblem(
      () => looker.look(bareSnapshot),
      (evidence) => problemOf(evidence),
      options,
    );
  } finally {
    looker.close();
  }
}

/** One look may be a moment in which a queue has lost its old leader and has no new one: twice in a row is whole. */
const checksInRow = 2;
const lookEveryMs = 500;

/** What stands in the way of planned work. */
export const problemBefore = (
  looker: Pick<Observer, "look">,
  judge: (evidence: Evidence) => Problem | undefined,
  signal: AbortSignal,
): Promise<Problem | undefined> =>
  awaitNoProblem(() => looker.look(bareSnapshot), judge, { withinMs: findingWithinMs, signal, onLack: () => {} });

/** Looks until nothing is lacking. @returns what it lacks when the time is over, which is later where a broker that runs doesn't serve */
export async function awaitNoProblem(
  look: () => Promise<Evidence>,
  judge: (evidence: Evidence) => Problem | undefined,
  { withinMs, forMs = 0, signal, onLack }: AwaitOptions,
): Promise<Problem | undefined> {
  const deadlineMs = performance.now() + withinMs;
  let told = "";
  let good = 0;
  let goodSinceMs = 0;
  const findings = async (): Promise<{ readonly lack: Problem | undefined } | undefined> => {
    const lack = judge(await look());
    good = lack ? 0 : good + 1;
    if (good === 1) goodSinceMs = performance.now();
    if (good >= checksInRow && performance.now() - goodSinceMs >= forMs) return { lack: undefined };
    if (lack && performance.now() >= deadlineMs + (lack.id === "broker-serves" ? busyForMs : 0)) return { lack };
    if (lack && `${lack.host} ${lack.evidence}` !== told) {
      told = `${lack.host} ${lack.evidence}`;
      onLack(lack);
    }
    return undefined;
  };
  return (await poll(findings, { everyMs: lookEveryMs, signal }))?.lack;
}
