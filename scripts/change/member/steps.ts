import { UserError } from "../../../agents/lib/errors.ts";
import { and, type Command, run, to } from "../../../infra/commands/command.ts";
import { dismissOthers, membershipAmong } from "../../../infra/commands/membership.ts";
import { act, actionOn, type HostAction, mustAct } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { brokerUnit, dispatcherUnit, keepalivedUnit } from "../../../infra/model/names.ts";
import { standBackFolder, stateFiles } from "../../../infra/model/vrrp-state.ts";
import { openHosts } from "../../engine/hosts.ts";
import { readCommittedConfig, setConfig } from "../../engine/stack-config.ts";
import { awaitNoProblem, describeProblem, type Problem, problemOf } from "../../inspect/health.ts";
import { chainHostOf } from "../../inspect/snapshot/chain.ts";
import { type Evidence, holdersOf } from "../../inspect/snapshot/evidence.ts";
import { bareSnapshot, openObserver } from "../../inspect/snapshot/snapshot.ts";
import { verify } from "../../inspect/verify/judge.ts";
import type { StepId } from "../../inspect/verify/step.ts";
import { bytesText } from "../../lib/bytes.ts";
import { askHostState, fetchJournal, putJournal } from "../backup/journals.ts";
import type { EngineContext } from "../restore/engine.ts";
import type { Facts, ReplacePlan } from "./plan.ts";

/** What the steps work on. Each step can be repeated, returns notes for the report, and throws a UserError if it fails. */
export interface Replacement {
  readonly facts: Facts;
  readonly plan: ReplacePlan;
  readonly engine: EngineContext;
  readonly signal: AbortSignal;
  /** Milliseconds for the system to recover. */
  readonly healthyWithinMs: number;
  say(text: string): void;
}

const stopSeconds = 120;
const forgetSeconds = 150;

const reachOf = ({ stack }: Facts): Promise<Hosts> => openHosts(stack, readCommittedConfig(stack));

/** Stops the units: the dispatcher before keepalived and the broker, so that the virtual IP moves first. */
export async function standDown({ facts, say }: Replacement): Promise<string[]> {
  const { evidence, host } = facts;
  const { agents, units } = chainHostOf(evidence.chain, host);
  const all = [...agents.map(({ unit }) => unit), ...units];
  const last = [dispatcherUnit, keepalivedUnit, brokerUnit];
  const order = [...all.filter((unit) => !last.includes(unit)), ...last.filter((unit) => all.includes(unit))];
  say(`stopping the units of ${host}`);
  const stop = and(...order.map((unit) => run("systemctl", "disable", "--now", "--quiet", unit)));
  await mustAct(await reachOf(facts), actionOn(host, "stops its units", stop, stopSeconds));
  return [];
}

/** Writes the key to the stack file, as an operator would: it takes precedence over any other known key. */
export async function pin({ facts, plan, engine, say }: Replacement): Promise<string[]> {
  const { host, stack } = facts;
  if (!plan.pin) return [];
  const { key, address } = plan.pin;
  const { toolchain, signal } = engine;
  const set = (path: string, value: string) =>
    setConfig(stack, `warren:hosts.${host}.${path}`, value, { toolchain, signal });
  say(`writing the key of ${host} to the stack file`);
  await set("ssh.hostKey", key);
  if (address !== undefined) await set("address", address);
  return [
    `the stack file has ${address === undefined ? "the new host key" : "the new address and host key"}: commit it`,
  ];
}

/** Tries the other members one after the other. */
export async function forget({ facts, plan, say }: Replacement): Promise<string[]> {
  const { host, replication } = facts;
  const reach = await reachOf(facts);
  const failures: string[] = [];
  for (const other of plan.others) {
    say(`${other} removes ${host} from the cluster`);
    const membership = membershipAmong(plan.others, other, replication === "quorum");
    const command = and(run("systemctl", "--quiet", "is-active", brokerUnit), dismissOthers(brokerUnit, membership));
    const outcome = await act(reach, actionOn(other, `removes ${host} from the cluster`, command, forgetSeconds));
    if (!("why" in outcome)) {
      say(`${host} is no longer in the cluster of ${other}, and no queue has a replica there`);
      return [];
    }
    failures.push(`${other}: ${outcome.why}`);
  }
  throw new UserError(
    host,
    `no other member could remove it from the cluster: ${failures.join("; ")}`,
    "run the same command again to retry",
  );
}

/**
 * Before the new host may hold the virtual IP, its dispatcher must know what was sent. Its ledger has what the others published since the old host failed;
 * any other dispatcher's journal has what came before. Until the dispatcher is ready, its host steps aside.
 */
export async function bringJournal({ facts, signal, say }: Replacement): Promise<string[]> {
  const { evidence, host } = facts;
  const reach = await reachOf(facts);
  const state = await askHostState(reach, host);
  if ("unreachable" in state) {
    throw new UserError(host, `can't be asked: ${state.unreachable}`, "run the same command again to continue");
  }
  // It runs or has a journal, so an earlier run of this command got this far.
  if (state.dispatcher !== "inactive" || state.journalFiles > 0) return [];
  await mustAct(reach, standBehind(host));
  const [holder] = holdersOf(evidence);
  const from = evidence.chain.dispatchers
    .filter((other) => other !== host)
    .toSorted((one, other) => Number(other === holder) - Number(one === holder));
  const failures: string[] = [];
  for (const other of from) {
    const journal = await fetchJournal(reach, other, signal);
    if ("why" in journal) {
      failures.push(`${other}: ${journal.why}`);
      continue;
    }
    say(`copying the journal of ${other} to ${host}, ${bytesText(journal.length)}`);
    await putJournal(reach, host, journal, { isRunning: false, signal }).catch((cause: Error) => {
      signal.throwIfAborted();
      throw new UserError(
        host,
        `the journal can't be written: ${cause.message}`,
        "run the same command again to retry",
        {
          cause,
        },
      );
    });
    return [];
  }
  return [
    `no other dispatcher's journal could be read (${failures.join("; ")}): ${host} knows only products sent from now on`,
  ];
}

/** Sets the same state as the dispatcher's unit does when it stops; the unit clears it when it is ready. */
function standBehind(host: string): HostAction {
  const command: Command = and(
    run("mkdir", "--parents", standBackFolder.path),
    to(stateFiles.dispatcherFile, run("echo", "1")),
  );
  return actionOn(host, "steps aside", command, 20);
}

export async function untilHealthy({ facts, healthyWithinMs, signal, say }: Replacement): Promise<string[]> {
  // Opened again: `up` may just have created the CA, and the host's key has changed.
  const observer = await openObserver(facts.stack);
  try {
    const snapshot = () => observer.snapshot(bareSnapshot);
    let last: Evidence | undefined;
    const judge = (evidence: Evidence) => {
      last = evidence;
      return problemOf(evidence);
    };
    const onProblem = (problem: Problem) => say(`waiting: ${describeProblem(problem)}`);
    const problem = await awaitNoProblem(snapshot, judge, { withinMs: healthyWithinMs, signal, onProblem });
    if (!problem) {
      for (const line of last ? evidenceOf(last, facts.host) : []) say(line);
      return [];
    }
    const what = `not healthy within ${healthyWithinMs / 1000} s: ${problem.step}: ${problem.evidence}`;
    throw new UserError(problem.host, what, `${problem.remedy}; then run the same command again to continue`);
  } finally {
    observer.close();
  }
}

/** The good findings of verify about the host and about the cluster. */
function evidenceOf(evidence: Evidence, host: string): string[] {
  const ofAll: readonly StepId[] = ["queues-are-replicated", "virtual-ip-on-one-host", "one-dispatcher-is-active"];
  return verify(evidence, { productAgeSeconds: evidence.chain.silenceSeconds }).steps.flatMap((one) =>
    one.verdict === "good" && (one.host === host || ofAll.includes(one.id))
      ? [`✓ ${one.step}, ${one.host}: ${one.evidence}`]
      : [],
  );
}
