import type { SeriesTraits } from "../../../infra/config/series.ts";
import { act, type HostAction } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import type { RunRecord } from "../../engine/run-record.ts";
import { type Evidence, holdersOf } from "../../inspect/look/evidence.ts";
import { bareLook, type Looker } from "../../inspect/look/look.ts";
import { awaitNoLack, describeLack, type Lack, lackOf, lackWithout } from "../../inspect/wholeness.ts";
import { lackAway, letBack, letBackByHand, moveAway } from "../stand-back.ts";
import type { Turn } from "./plan.ts";
import { askInvocations, parseInvocations, type RestartRecord, turnState, unitsLeft } from "./progress.ts";

export interface Restart {
  readonly looker: Looker;
  readonly reach: Hosts;
  readonly replication: SeriesTraits["replication"];
  /** What is done on a host, of whose units these are left. */
  actionsOf(turn: Turn, left: readonly string[]): HostAction[];
  /** What has to hold without a break after a host's turn, beside that all is whole. */
  readonly steady?: { readonly forMs: number; judge(evidence: Evidence, turn: Turn): Lack | undefined };
  readonly kept: RunRecord<RestartRecord>;
  /** Milliseconds for all to be whole again after a host. */
  readonly wholeWithinMs: number;
  /** Aborted: the host whose turn it is gets to its end, no other one is begun. */
  readonly signal: AbortSignal;
  say(host: string, text: string): void;
}

export interface TurnResult extends Pick<Turn, "host" | "units"> {
  readonly outcome: "restarted" | "done before" | "failed" | "not begun";
  readonly seconds?: number;
  /** Why it failed, or was not begun. */
  readonly why?: string;
  readonly remedy?: string;
}

/** One look that takes what a host that comes up takes: agents' first connections, keepalived's checks. */
const gateWithinMs = 60_000;
/** keepalived gives an address away at once; the other host's dispatcher reads its ledger first. */
const movesWithinMs = 30_000;

/**
 * Takes hosts in turn, each only while all is whole and can spare it, and stops at the first that doesn't come back. What has been done is kept on
 * record before and after each step: a run that was killed goes on where it was.
 */
export async function runTurns(restart: Restart, record: RestartRecord): Promise<TurnResult[]> {
  const results: TurnResult[] = [];
  const left = [...record.turns];
  for (let turn = left.shift(); turn; turn = left.shift()) {
    const { host, units } = turn;
    if (restart.signal.aborted) return [...results, ...notBegun([turn, ...left], "broken off before")];
    const beganMs = performance.now();
    if (turnState(turn, record) === "done") {
      results.push({ host, units, outcome: "done before" });
      continue;
    }
    const trouble = await takeTurn(restart, record, turn);
    if (trouble) return [...results, failed(turn, trouble.why, beganMs, trouble.remedy), ...notBegun(left)];
    record.done.push(host);
    record.begun = undefined;
    await restart.kept.write(record);
    const seconds = secondsSince(beganMs);
    restart.say(host, `done, all is whole again; ${seconds} s`);
    results.push({ host, units, outcome: "restarted", seconds });
  }
  await restart.kept.remove();
  return results;
}

interface Trouble {
  readonly why: string;
  readonly remedy?: string;
}

async function takeTurn(restart: Restart, record: RestartRecord, turn: Turn): Promise<Trouble | undefined> {
  const { kept, reach, replication, say } = restart;
  const { host } = turn;
  const hosts = record.turns.map((one) => one.host);
  if (turnState(turn, record) === "to do") {
    const canBegin = (evidence: Evidence) =>
      lackOf(evidence, { hosts }) ?? (turn.isMember ? lackWithout(evidence, host, replication) : undefined);
    const lack = await whole(restart, host, canBegin, gateWithinMs);
    if (lack) return { why: `not begun: ${describeLack(lack)}`, remedy: lack.remedy };
  } else say(host, "was half way; goes on");
  const answer = await act(reach, askInvocations(turn));
  if ("why" in answer) return { why: `can't be asked: ${answer.why}` };
  const now = parseInvocations(answer.output);
  if (record.begun?.host !== host) {
    record.begun = { host, before: now };
    await kept.write(record);
  }
  const units = unitsLeft(turn, record.begun.before, now);

  if (record.movedFrom !== host) {
    const trouble = await freeOfAddress(restart, record, host);
    if (trouble) return trouble;
  }
  for (const action of restart.actionsOf(turn, units)) {
    say(host, action.title);
    const outcome = await act(reach, action);
    if ("why" in outcome) return { why: `${action.title}: ${outcome.why}` };
  }
  const isMoved = record.movedFrom === host;
  const lack = await whole(restart, host, (evidence) => lackOf(evidence, { hosts, isMoved }), restart.wholeWithinMs);
  if (lack) return missing(restart, lack);
  const unsteady = await steady(restart, turn);
  if (unsteady) return { why: describeLack(unsteady), remedy: unsteady.remedy };
  return isMoved ? takeBack(restart, record, host, hosts) : undefined;
}

function steady(restart: Restart, turn: Turn): Promise<Lack | undefined> | undefined {
  const { steady: wanted, wholeWithinMs } = restart;
  return wanted && whole(restart, turn.host, (evidence) => wanted.judge(evidence, turn), wholeWithinMs, wanted.forMs);
}

/** Where another member can have the address, and this host has it, it is moved away. */
async function freeOfAddress(restart: Restart, record: RestartRecord, host: string): Promise<Trouble | undefined> {
  const { chain } = restart.looker;
  if (!chain.vip || chain.members.length < 2 || !chain.members.includes(host)) return undefined;
  let holders: string[] = [];
  const isSeen = (evidence: Evidence): Lack | undefined => {
    holders = holdersOf(evidence);
    return holders.length === 1 ? undefined : lackAway(evidence, host);
  };
  const lack = await whole(restart, host, isSeen, movesWithinMs);
  if (lack) return { why: describeLack(lack), remedy: lack.remedy };
  return holders[0] === host ? moveFrom(restart, record, host) : undefined;
}

async function moveFrom(restart: Restart, record: RestartRecord, host: string): Promise<Trouble | undefined> {
  const { looker, kept, reach, say, wholeWithinMs } = restart;
  say(host, "gives the virtual IP away");
  // On record before it is done: who goes on must know that the address is to come back.
  record.movedFrom = host;
  await kept.write(record);
  const outcome = await act(reach, moveAway(host, awaySeconds(wholeWithinMs)));
  const why = "why" in outcome ? `the virtual IP can't be moved: ${outcome.why}` : undefined;
  const lack =
    why === undefined ? await whole(restart, host, (seen) => lackAway(seen, host), movesWithinMs) : undefined;
  if (why === undefined && !lack) return undefined;
  const healed = await act(reach, letBack(host));
  if (!("why" in healed)) {
    record.movedFrom = undefined;
    await kept.write(record);
  }
  const remedy = lack?.remedy ?? letBackByHand(looker.chain, host);
  return { why: why ?? `the virtual IP did not move: ${lack?.evidence}`, remedy };
}

export async function takeBack(
  restart: Restart,
  record: RestartRecord,
  host: string,
  hosts: readonly string[],
): Promise<Trouble | undefined> {
  const { looker, kept, reach, say } = restart;
  say(host, "may have the virtual IP again");
  const outcome = await act(reach, letBack(host));
  if ("why" in outcome) {
    return { why: `the virtual IP can't be let back: ${outcome.why}`, remedy: letBackByHand(looker.chain, host) };
  }
  record.movedFrom = undefined;
  await kept.write(record);
  const lack = await whole(restart, host, (evidence) => lackOf(evidence, { hosts }), restart.wholeWithinMs);
  return lack ? missing(restart, lack) : undefined;
}

/** Longer than all that is done and waited for while the address is away. */
const awaySeconds = (wholeWithinMs: number): number => 900 + Math.ceil(wholeWithinMs / 1000);

function whole(
  { looker, say }: Restart,
  host: string,
  judge: (evidence: Evidence) => Lack | undefined,
  withinMs: number,
  forMs = 0,
): Promise<Lack | undefined> {
  const onLack = (lack: Lack) => say(host, `waits: ${describeLack(lack)}`);
  return awaitNoLack(() => looker.look(bareLook), judge, { withinMs, forMs, onLack });
}

function missing({ wholeWithinMs }: Restart, lack: Lack): Trouble {
  return { why: `not whole again after ${wholeWithinMs / 1000} s: ${describeLack(lack)}`, remedy: lack.remedy };
}

const secondsSince = (beganMs: number): number => Math.round(performance.now() - beganMs) / 1000;

function failed({ host, units }: Turn, why: string, beganMs: number, remedy?: string): TurnResult {
  const seconds = secondsSince(beganMs);
  return { host, units, outcome: "failed", seconds, why, ...(remedy ? { remedy } : {}) };
}

const notBegun = (turns: readonly Turn[], why?: string): TurnResult[] =>
  turns.map(({ host, units }) => ({ host, units, outcome: "not begun", ...(why ? { why } : {}) }));
