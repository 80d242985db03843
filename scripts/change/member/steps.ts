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
import { askHostState, fetchJournal, putJournal } from "../backup/journals.ts";
import { bytesText } from "../backup/report.ts";
import type { EngineContext } from "../restore/engine.ts";
import type { Facts, ReplacePlan } from "./plan.ts";

/** What the steps work on. Each may be done again, returns what a person should know afterwards, and throws a UserError where it can't be done. */
export interface Replacement {
  readonly facts: Facts;
  readonly plan: ReplacePlan;
  readonly engine: EngineContext;
  readonly signal: AbortSignal;
  /** Milliseconds for all to be whole again. */
  readonly wholeWithinMs: number;
  say(text: string): void;
}

const stopSeconds = 120;
const forgetSeconds = 150;

const reachOf = ({ stack }: Facts): Promise<Hosts> => openHosts(stack, readCommittedConfig(stack));

/** In the order in which the virtual IP leaves first. */
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

/** In the stack file, as a person would: it goes before whatever else is known of the host. */
export async function pin({ facts, plan, engine, say }: Replacement): Promise<string[]> {
  const { host, stack } = facts;
  if (!plan.pin) return [];
  const { key, address } = plan.pin;
  const { toolchain, signal } = engine;
  const set = (path: string, value: string) =>
    setConfig(stack, `warren:hosts.${host}.${path}`, value, { toolchain, signal });
  say(`the key of ${host} into the stack file`);
  await set("ssh.hostKey", key);
  if (address !== undefined) await set("address", address);
  return [
    `the stack file has ${address === undefined ? "the new host key" : "the new address and host key"}: commit it`,
  ];
}

/** One of the others does it, whichever can. */
export async function forget({ facts, plan, say }: Replacement): Promise<string[]> {
  const { host, replication } = facts;
  const reach = await reachOf(facts);
  const said: string[] = [];
  for (const other of plan.others) {
    say(`${other} forgets ${host}`);
    const membership = membershipAmong(plan.others, other, replication === "quorum");
    const command = and(run("systemctl", "--quiet", "is-active", brokerUnit), dismissOthers(brokerUnit, membership));
    const outcome = await act(reach, actionOn(other, `forgets ${host}`, command, forgetSeconds));
    if (!("why" in outcome)) {
      say(`${other} knows no ${host} any more, and its queues no replica there`);
      return [];
    }
    said.push(`${other}: ${outcome.why}`);
  }
  throw new UserError(host, `none of the others forgets it: ${said.join("; ")}`, "the same command tries again");
}

/**
 * The new host's dispatcher has to know what went out before it may have the virtual IP. What the others published since the old one's death waits in
 * its ledger; what was before is in any other dispatcher's journal. Until the dispatcher is ready, its host stands behind the others.
 */
export async function bringJournal({ facts, signal, say }: Replacement): Promise<string[]> {
  const { evidence, host } = facts;
  const reach = await reachOf(facts);
  const state = await askHostState(reach, host);
  if ("unreachable" in state) {
    throw new UserError(host, `can't be asked: ${state.unreachable}`, "the same command goes on");
  }
  // One that runs, or has a journal, has begun its own life: an earlier run of this came so far.
  if (state.dispatcher !== "inactive" || state.journalFiles > 0) return [];
  await mustAct(reach, standBehind(host));
  const [holder] = holdersOf(evidence);
  const from = evidence.chain.dispatchers
    .filter((other) => other !== host)
    .toSorted((one, other) => Number(other === holder) - Number(one === holder));
  const said: string[] = [];
  for (const other of from) {
    const journal = await fetchJournal(reach, other, signal);
    if ("why" in journal) {
      said.push(`${other}: ${journal.why}`);
      continue;
    }
    say(`the journal of ${other} to ${host}, ${bytesText(journal.length)}`);
    await putJournal(reach, host, journal, { isRunning: false, signal }).catch((cause: Error) => {
      signal.throwIfAborted();
      throw new UserError(host, `the journal can't be put there: ${cause.message}`, "the same command tries again", {
        cause,
      });
    });
    return [];
  }
  return [
    `no other dispatcher's journal could be had (${said.join("; ")}): ${host} knows only what goes out from now on`,
  ];
}

/** As the dispatcher's unit says it at its end: it takes it back when it is ready. */
function standBehind(host: string): HostAction {
  const command: Command = and(
    run("mkdir", "--parents", standBackFolder.path),
    to(stateFiles.dispatcherFile, run("echo", "1")),
  );
  return actionOn(host, "stands behind the others", command, 20);
}

export async function untilHealthy({ facts, wholeWithinMs, signal, say }: Replacement): Promise<string[]> {
  // `up` may just have made the CA, and the host has another key.
  const looker = await openObserver(facts.stack);
  try {
    const look = () => looker.look(bareSnapshot);
    let last: Evidence | undefined;
    const judge = (evidence: Evidence) => {
      last = evidence;
      return problemOf(evidence);
    };
    const onLack = (lack: Problem) => say(`waits: ${describeProblem(lack)}`);
    const lack = await awaitNoProblem(look, judge, { withinMs: wholeWithinMs, signal, onLack });
    if (!lack) {
      for (const line of last ? evidenceOf(last, facts.host) : []) say(line);
      return [];
    }
    const what = `not whole after ${wholeWithinMs / 1000} s: ${lack.step}: ${lack.evidence}`;
    throw new UserError(lack.host, what, `${lack.remedy}; then the same command goes on`);
  } finally {
    looker.close();
  }
}

/** What verify has found good: of the host, and of the cluster as a whole. */
function evidenceOf(evidence: Evidence, host: string): string[] {
  const ofAll: readonly StepId[] = ["queues-are-replicated", "virtual-ip-on-one-host", "one-dispatcher-is-active"];
  return verify(evidence, { productAgeSeconds: evidence.chain.silenceSeconds }).steps.flatMap((one) =>
    one.verdict === "good" && (one.host === host || ofAll.includes(one.id))
      ? [`✓ ${one.step}, ${one.host}: ${one.evidence}`]
      : [],
  );
}
