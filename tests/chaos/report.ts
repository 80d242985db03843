import { median } from "../../scripts/lib/statistics.ts";
import { formatColumns, painter } from "../../scripts/lib/table.ts";
import { type Account, type ChaosResult, type Doubt, type Finding, isGood, type RoundRecord } from "./account.ts";
import { type Audited, describeAudited } from "./audited.ts";
import type { Sighting } from "./evidence.ts";
import type { Fault } from "./faults.ts";
import { describeSteps, medianSteps, type Steps } from "./steps.ts";

/** The shape of `--json`. */
export interface ChaosSummary {
  readonly rounds: number;
  readonly faults: Readonly<Record<string, FaultSummary>>;
  readonly lost: number;
  readonly repeated: number;
  readonly seed: number;
  readonly unknown: number;
  readonly attempted: number;
  readonly acknowledged: number;
  readonly delivered: number;
  readonly wrong: number;
  readonly doubted: number;
  /** Publishes that the broker lost before the pull queue, and that a second publish replaced. */
  readonly madeGood: number;
  /** By the stack's own auditor. */
  readonly audited?: Audited | undefined;
  /** What was wrong with the live page; absent if it was not watched. */
  readonly pageWrong?: readonly string[];
  readonly seconds: number;
  /** Faults that this lab doesn't allow, with the reasons. */
  readonly notDone: Readonly<Record<string, string>>;
}

export interface FaultSummary {
  readonly rounds: number;
  readonly lost: number;
  readonly repeated: number;
  readonly unknown: number;
  /** For each round with a takeover: milliseconds from the fault to the first product dispatched by another process. */
  readonly takeOverMs: readonly number[];
  /** For each round with a takeover: milliseconds from the fault to each step. */
  readonly steps: readonly Steps[];
  /** For each round: the longest time between two dispatched products, milliseconds. */
  readonly pauseMs: readonly number[];
  /** Problems that remained after rounds from which the system did not recover in time. */
  readonly notWhole: readonly string[];
  /** With a watch of the live page, for each round: milliseconds from the fault until the page showed it. */
  readonly pageShownMs?: readonly number[];
  /** Milliseconds from the recovery until the page was right again. */
  readonly pageRightMs?: readonly number[];
}

/** Faults that are left out, with the reasons. */
export type NotDone = Readonly<Record<string, string>>;

/** Number of findings shown with evidence. A file has all of them. */
const findingsShown = 5;

export function summarise(result: ChaosResult, notDone: NotDone): ChaosSummary {
  const { seed, rounds, account, audited, pageWrong, seconds } = result;
  const names = [...new Set(rounds.map(({ fault }) => fault))];
  const { lost, repeated, unknown, attempted, acknowledged, delivered, wrong, doubted, madeGood } = account;
  return {
    rounds: rounds.length,
    faults: Object.fromEntries(names.map((name) => [name, summariseFault(name, rounds, account)])),
    ...{ lost, repeated, seed, unknown, attempted, acknowledged, delivered, wrong, doubted, madeGood },
    ...(audited ? { audited } : {}),
    ...(pageWrong ? { pageWrong } : {}),
    seconds: Math.round(seconds),
    notDone,
  };
}

function summariseFault(name: string, all: readonly RoundRecord[], account: Account): FaultSummary {
  const rounds = all.filter(({ fault }) => fault === name);
  const count = (kind: Finding["kind"]) =>
    account.findings
      .filter((finding) => finding.kind === kind && finding.round?.fault === name)
      .reduce((sum, finding) => sum + finding.count, 0);
  return {
    rounds: rounds.length,
    lost: count("lost"),
    repeated: count("repeated"),
    unknown: rounds.reduce((sum, { number }) => sum + (account.unknownByRound.get(number) ?? 0), 0),
    takeOverMs: rounds.flatMap(({ takeOverMs }) => takeOverMs ?? []),
    steps: rounds.flatMap(({ steps }) => steps ?? []),
    pauseMs: rounds.flatMap(({ pauseMs }) => pauseMs ?? []),
    notWhole: rounds.flatMap(({ missing }) => missing ?? []),
    ...(rounds.some(({ page }) => page)
      ? {
          pageShownMs: rounds.flatMap(({ page }) => page?.shownMs ?? []),
          pageRightMs: rounds.flatMap(({ page }) => page?.rightMs ?? []),
        }
      : {}),
  };
}

/** Nothing lost, repeated or wrong, the system recovered from every fault, and the live page was right if it was watched. */
export const isSound = ({ account, rounds, pageWrong = [] }: ChaosResult): boolean =>
  isGood(account) && rounds.every(({ missing }) => missing === undefined) && pageWrong.length === 0;

/** The final table, and the evidence of findings. Ends with a newline. */
export function formatChaos(
  result: ChaosResult,
  { faults, notDone, color }: { faults: readonly Fault[]; notDone: NotDone; color: boolean },
): string {
  const summary = summarise(result, notDone);
  const paint = painter(color);
  const mark = (value: number) => (value === 0 ? "0" : paint("red", String(value)));
  const rows = Object.entries(summary.faults).map(([name, fault]) => {
    const wantedMs = faults.find((one) => one.name === name)?.takeOverWithinMs;
    return [
      name,
      String(fault.rounds),
      mark(fault.lost),
      mark(fault.repeated),
      String(fault.unknown),
      inSeconds(fault.takeOverMs.length > 0 ? median(fault.takeOverMs) : undefined),
      inSeconds(longest(fault.takeOverMs)),
      inSeconds(wantedMs),
      inSeconds(longest(fault.pauseMs)),
      ...(result.pageWrong ? [inSeconds(longest(fault.pageShownMs)), inSeconds(longest(fault.pageRightMs))] : []),
    ];
  });
  const head = ["fault", "rounds", "lost", "repeated", "unknown", "takeover median", "max", "limit", "longest pause"];
  if (result.pageWrong) head.push("on page", "right again");
  const { account } = result;
  return [
    formatColumns([head, ...rows], "", { isNumber: (column) => column > 0 }),
    "",
    ...Object.entries(summary.faults).flatMap(([name, { steps }]) =>
      steps.length === 0 ? [] : [`${name}, medians in seconds: ${describeSteps(medianSteps(steps))}`],
    ),
    ...Object.entries(notDone).map(([name, reason]) => `${name}: not injected, ${reason}`),
    ...(result.pageWrong ? faults : []).flatMap(({ name, onPage }) =>
      name in summary.faults && typeof onPage === "object"
        ? [`${name}: not expected on the live page, ${onPage.nothing}`]
        : [],
    ),
    "",
    `attempted ${account.attempted}   acknowledged ${account.acknowledged}   unknown ${account.unknown}   delivered ${account.delivered}`,
    `lost ${mark(account.lost)}   repeated ${mark(account.repeated)} (dispatched ${account.repeatedAnnounced}, delivered ${account.repeatedDelivered})   wrong ${mark(account.wrong)}`,
    `dispatched as unconfirmed ${account.doubted}${byFault(account.doubts)}   made good ${account.madeGood}   twins announced ${account.twinsServed}   dead letters ${account.deadLetters}`,
    ...(result.audited ? [describeAudited(result.audited)] : []),
    `${summary.rounds} rounds in ${summary.seconds} s, seed ${summary.seed}`,
    ...result.rounds
      .filter(({ missing }) => missing !== undefined)
      .map(({ number, fault, missing }) => paint("red", `✗ round ${number}, ${fault}: ${missing}`)),
    ...(result.pageWrong ?? []).map((problem) => paint("red", `✗ ${problem}`)),
    ...account.findings.slice(0, findingsShown).flatMap((finding) => describe(finding, (text) => paint("red", text))),
    ...(account.findings.length > findingsShown ? [`… and ${account.findings.length - findingsShown} more`] : []),
    "",
  ].join("\n");
}

/** The evidence of all findings and of all dispatches marked as unconfirmed. */
export const formatEvidence = ({ account, rounds }: ChaosResult): string =>
  [
    ...rounds.map(describeRound),
    ...account.findings.flatMap((finding) => describe(finding, (text) => text)),
    ...account.doubts.map(describeDoubt),
    "",
  ].join("\n");

const longest = (times: readonly number[] = []): number | undefined =>
  times.length === 0 ? undefined : Math.max(...times);

const inSeconds = (ms: number | undefined): string => (ms === undefined ? "-" : `${(ms / 1000).toFixed(2)} s`);

/** One line of a round. */
export function describeRound(round: RoundRecord): string {
  const { number, fault, hosts, takeOverMs, steps, pauseMs, faultMs, healMs, recoveredMs, page, notes, missing } =
    round;
  const seconds = (ms: number | undefined) => (ms === undefined ? "none" : `${(ms / 1000).toFixed(2)} s`);
  const parts = [
    `lasted ${seconds(healMs - faultMs)}`,
    `takeover ${seconds(takeOverMs)}${steps ? ` (${describeSteps(steps)})` : ""}`,
    `longest pause ${seconds(pauseMs)}`,
    missing === undefined ? `recovered ${seconds(recoveredMs - healMs)} later` : `FAILED: ${missing}`,
    ...(page ? [`on the live page ${seconds(page.shownMs)}, right again ${seconds(page.rightMs)}`] : []),
    ...notes,
  ];
  return `round ${number}: ${fault} on ${hosts.join(", ")}: ${parts.join("; ")}`;
}

/** The evidence of one finding. */
function describe(finding: Finding, paint: (text: string) => string): string[] {
  const { kind, name, key, because, round, record, atMs } = finding;
  const where = round ? `round ${round.number}, ${round.fault}, ${offset(atMs, round)}` : "before the first round";
  const lines = [paint(`✗ ${kind}: ${name}: ${because}`), `    key ${key}   ${where}`];
  if (!record) return lines;
  const from = round?.faultMs;
  for (const [urp, writtenMs] of record.writtenMs) lines.push(`    ${clock(writtenMs, from)}  written on ${urp}`);
  const sighting = (what: string) => (one: Sighting) =>
    `    ${clock(one.atMs, from)}  ${what}, source ${one.source}, message ${one.messageId}${one.doubt ? ", unconfirmed" : ""}`;
  return [
    ...lines,
    ...record.announced.map(sighting("announced")),
    ...record.dispatched.map(sighting("dispatched")),
    ...record.twins.map(sighting("twin announced")),
    ...record.dead.map(({ atMs: deadMs, reason }) => `    ${clock(deadMs, from)}  dead-lettered: ${reason}`),
    ...record.delivered.map(
      ({ atMs: deliveredMs, pds, file }) => `    ${clock(deliveredMs, from)}  on ${pds}: ${file}`,
    ),
  ];
}

function describeDoubt({ name, key, atMs, messageId, round, afterMs }: Doubt): string {
  const where = round ? `round ${round.number}, ${round.fault}, ${offset(atMs, round)}` : "before the first round";
  const first = afterMs === undefined ? "the first one observed" : `${(afterMs / 1000).toFixed(2)} s after the first`;
  return `unconfirmed: ${name}: key ${key}, message ${messageId}, ${where}, ${first}`;
}

/** E.g. ` (broker-killed 3, partition 1)`. */
function byFault(doubts: readonly Doubt[]): string {
  const counts = [...Map.groupBy(doubts, ({ round }) => round?.fault ?? "no fault")];
  return counts.length === 0 ? "" : ` (${counts.map(([fault, all]) => `${fault} ${all.length}`).join(", ")})`;
}

/** Time of day in UTC, and seconds from the fault. */
function clock(atMs: number, faultMs: number | undefined): string {
  const time = new Date(atMs).toISOString().slice(11, 23);
  if (faultMs === undefined) return time;
  const seconds = (atMs - faultMs) / 1000;
  return `${time} (${seconds < 0 ? "" : "+"}${seconds.toFixed(2)} s)`;
}

function offset(atMs: number, { faultMs, healMs }: RoundRecord): string {
  const part = atMs < healMs ? "before healing" : "after healing started";
  return `${((atMs - faultMs) / 1000).toFixed(2)} s after the fault, ${part}`;
}
