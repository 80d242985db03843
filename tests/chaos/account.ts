import type { Audited } from "./audited.ts";
import type { Evidence, Notify, ProductRecord } from "./evidence.ts";
import type { Steps } from "./steps.ts";

/** Milliseconds until the live page was right. Undefined if it never was, or need not be. */
export interface PageTimes {
  /** From the fault until the page showed it. */
  readonly shownMs?: number | undefined;
  /** From the recovery until the page showed a healthy system. */
  readonly rightMs?: number | undefined;
}

/** An injected fault. Times are milliseconds since 1970. */
export interface RoundRecord {
  readonly number: number;
  readonly fault: string;
  readonly hosts: readonly string[];
  readonly faultMs: number;
  /** Start of healing. */
  readonly healMs: number;
  /** The system had recovered. */
  readonly recoveredMs: number;
  /** Remarks, e.g. that a part of the fault is impossible here. */
  readonly notes: readonly string[];
  /** Why the fault could not be injected, or the problem that remained after the time to recover; undefined for a good round. */
  readonly missing?: string | undefined;
  /** Time from the fault to the first product dispatched by another process; undefined if there was none. */
  readonly takeOverMs?: number | undefined;
  /** Steps of the takeover that hosts have logged. */
  readonly steps?: Steps | undefined;
  /** Longest time between two dispatched products. */
  readonly pauseMs?: number | undefined;
  /** With a watch of the live page. */
  readonly page?: PageTimes | undefined;
}

export type FindingKind = "lost" | "repeated" | "wrong";

/** A product that did not arrive once and complete, with all evidence. */
export interface Finding {
  readonly kind: FindingKind;
  readonly name: string;
  readonly key: string;
  /** Number of surplus arrivals; 1 if it is lost or wrong. */
  readonly count: number;
  /** Its round; undefined before the first. */
  readonly round: RoundRecord | undefined;
  /** The cause, as far as the evidence shows. */
  readonly because: string;
  readonly record: ProductRecord | undefined;
  readonly atMs: number;
}

/** A dispatch that its dispatcher has marked as a possible repeat. */
export interface Doubt {
  readonly name: string;
  readonly key: string;
  readonly atMs: number;
  readonly messageId: string;
  readonly round: RoundRecord | undefined;
  /** Time since the first observed dispatch; undefined if this is the first. */
  readonly afterMs: number | undefined;
}

/** As in Jepsen's total queue: attempts, acknowledgements, deliveries. */
export interface Account {
  /** Products with files on both radar servers. */
  readonly attempted: number;
  /** Products with an announcement that the broker has routed. */
  readonly acknowledged: number;
  /** Products without an observed announcement or dispatch. They are also lost if they did not arrive. */
  readonly unknown: number;
  readonly delivered: number;
  readonly lost: number;
  /** Surplus dispatches or deliveries, whichever is more for a product. */
  readonly repeated: number;
  readonly repeatedAnnounced: number;
  readonly repeatedDelivered: number;
  /**
   * Publishes that a broker accepted, never confirmed, and lost before the pull queue, and that a second, unconfirmed publish replaced: the
   * product was pulled afterwards, with only one receipt. Once a ledger was lost, also unconfirmed publishes of what had been pulled before, that
   * no puller placed again. A reader of the exchange sees two publishes. Not counted as repeats.
   */
  readonly madeGood: number;
  /** Dispatches marked as unconfirmed. Most are the first dispatch of their product; others are made good or repeats. */
  readonly doubted: number;
  readonly doubts: readonly Doubt[];
  /** Announcements of the other URP's copy, requested after a failed fetch. */
  readonly twinsServed: number;
  readonly deadLetters: number;
  readonly wrong: number;
  readonly findings: readonly Finding[];
  /** By number of the round in which they were written. */
  readonly unknownByRound: ReadonlyMap<number, number>;
}

/** The result of a run. */
export interface ChaosResult {
  readonly seed: number;
  readonly rounds: readonly RoundRecord[];
  readonly account: Account;
  /** By the stack's own auditor; undefined if it has none, or it did not answer. */
  readonly audited?: Audited | undefined;
  /** What was wrong with the live page; undefined if it was not watched. */
  readonly pageWrong?: readonly string[] | undefined;
  readonly seconds: number;
}

/** Name of the fault after which a dispatcher doesn't know what was dispatched while it was down. */
export const ledgerLost = "ledger-lost";

/** Counts the evidence. Call it when everything is healed and drained: a product that has not arrived then is lost. */
export function account(evidence: Evidence, rounds: readonly RoundRecord[]): Account {
  const { products, retired, stragglers } = evidence;
  const attempted = products.filter(({ copies, writtenMs }) => writtenMs.size === copies.length);
  const unknown = attempted.filter(({ announced, dispatched }) => announced.length + dispatched.length === 0);
  const findings = [
    ...attempted.flatMap((record) => findingsOf(record, rounds)),
    ...stragglers.map((one): Finding => {
      const because = `${one.what} long after it had arrived`;
      return {
        ...one,
        kind: "repeated",
        key: "",
        count: 1,
        round: roundAt(rounds, one.atMs),
        because,
        record: undefined,
      };
    }),
  ].toSorted((one, other) => one.atMs - other.atMs);
  const doubts = attempted
    .flatMap((record) => doubtsOf(record, rounds))
    .toSorted((one, other) => one.atMs - other.atMs);
  const sum = (of: (record: ProductRecord) => number) => attempted.reduce((total, record) => total + of(record), 0);
  const count = (kind: FindingKind) =>
    findings.reduce((total, finding) => total + (finding.kind === kind ? finding.count : 0), 0);
  return {
    attempted: attempted.length + retired,
    acknowledged: attempted.length - unknown.length + retired,
    unknown: unknown.length,
    delivered: attempted.filter(({ delivered }) => delivered.length > 0).length + retired,
    lost: count("lost"),
    repeated: count("repeated"),
    repeatedAnnounced: sum((record) => announcedAgain(record, rounds)) + stragglers.length,
    repeatedDelivered: sum(deliveredAgain),
    madeGood: sum((record) => madeGood(record, rounds)),
    doubted: doubts.length,
    doubts,
    twinsServed: sum(({ twins }) => twins.length),
    deadLetters: sum(({ dead }) => dead.length),
    wrong: count("wrong"),
    findings,
    unknownByRound: new Map(
      [...Map.groupBy(unknown, (record) => roundAt(rounds, firstWrittenMs(record))?.number ?? 0)].map(
        ([number, records]) => [number, records.length],
      ),
    ),
  };
}

/** Whether every product arrived once and complete. */
export const isGood = ({ lost, repeated, wrong }: Account): boolean => lost + repeated + wrong === 0;

const announcedAgain = (record: ProductRecord, rounds: readonly RoundRecord[]): number =>
  Math.max(0, record.dispatched.length - 1) - madeGood(record, rounds);
const deliveredAgain = ({ delivered }: ProductRecord): number => Math.max(0, delivered.length - 1);
const firstWrittenMs = ({ writtenMs }: ProductRecord): number => Math.min(...writtenMs.values());

function findingsOf(record: ProductRecord, rounds: readonly RoundRecord[]): Finding[] {
  const { name, key, delivered } = record;
  const found = (kind: FindingKind, count: number, atMs: number, because: string): Finding => {
    return { kind, name, key, count, atMs, because, record, round: roundAt(rounds, atMs) };
  };
  const findings: Finding[] = [];
  if (delivered.length === 0) findings.push(found("lost", 1, firstWrittenMs(record), whyLost(record)));
  const again = Math.max(announcedAgain(record, rounds), deliveredAgain(record));
  if (again > 0) findings.push(found("repeated", again, secondMs(record), whyRepeated(record, rounds)));
  for (const { wrong, atMs, pds } of delivered) {
    if (wrong !== undefined) findings.push(found("wrong", 1, atMs, `${wrong} (on ${pds})`));
  }
  return findings;
}

/** Surplus publishes of a product that the pull queue delivered once, after the last publish, or that a dispatcher without its ledger didn't know. */
function madeGood({ dispatched, receipts, delivered }: ProductRecord, rounds: readonly RoundRecord[]): number {
  const [, ...further] = dispatched.toSorted((one, other) => one.atMs - other.atMs);
  const [next] = further;
  if (!next || delivered.length !== 1 || !further.every(({ doubt }) => doubt)) return 0;
  const lastMs = further.at(-1)?.atMs ?? next.atMs;
  const isPulledAfterwards = receipts.length === 1 && receipts.every(({ atMs }) => atMs >= lastMs);
  const isLedgerLost = rounds.some(({ fault, faultMs }) => fault === ledgerLost && faultMs <= next.atMs);
  return isPulledAfterwards || isLedgerLost ? further.length : 0;
}

function doubtsOf({ name, key, dispatched }: ProductRecord, rounds: readonly RoundRecord[]): Doubt[] {
  const firstMs = Math.min(...dispatched.map(({ atMs }) => atMs));
  return dispatched
    .filter(({ doubt }) => doubt)
    .map(({ atMs, messageId }) => {
      const afterMs = atMs > firstMs ? atMs - firstMs : undefined;
      return { name, key, atMs, messageId, round: roundAt(rounds, atMs), afterMs };
    });
}

function whyLost({ announced, dispatched, dead }: ProductRecord): string {
  const [letter] = dead;
  if (letter) return `dead-lettered: ${letter.reason}`;
  if (dispatched.length > 0) return "dispatched but not pulled";
  return announced.length > 0 ? "announced but not dispatched" : "written but not announced";
}

function whyRepeated(record: ProductRecord, rounds: readonly RoundRecord[]): string {
  const { dispatched, delivered } = record;
  if (announcedAgain(record, rounds) > 0)
    return dispatched.some(({ doubt }) => doubt) ? "dispatched again as unconfirmed" : "dispatched again";
  const hosts = new Set(delivered.map(({ pds }) => pds)).size;
  return hosts > 1
    ? "dispatched once, pulled by two hosts: the ack of the first was lost"
    : "dispatched once, pulled twice by one host";
}

/** Time of the second arrival. */
function secondMs({ dispatched, delivered }: ProductRecord): number {
  const times = (dispatched.length > 1 ? dispatched : delivered)
    .map(({ atMs }) => atMs)
    .toSorted((one, other) => one - other);
  return times[1] ?? times[0] ?? 0;
}

/** The round of a time: the last one whose fault was injected before it. */
export function roundAt(rounds: readonly RoundRecord[], atMs: number): RoundRecord | undefined {
  return rounds.findLast(({ faultMs }) => faultMs <= atMs);
}

/** Milliseconds from a fault to the first product dispatched by another process. */
export function takeOverMs(notifies: readonly Notify[], faultMs: number): number | undefined {
  const before = notifies.findLast(({ atMs }) => atMs < faultMs)?.publisher;
  if (before === undefined) return undefined;
  const first = notifies.find(({ atMs, publisher }) => atMs >= faultMs && publisher !== before);
  return first === undefined ? undefined : first.atMs - faultMs;
}

/** Longest time between two dispatched products, in milliseconds, starting at the last one before `faultMs`. */
export function longestPauseMs(notifies: readonly Notify[], fromMs: number): number | undefined {
  const start = notifies.findLastIndex(({ atMs }) => atMs < fromMs);
  const times = notifies.slice(Math.max(0, start)).map(({ atMs }) => atMs);
  if (times.length < 2) return undefined;
  return Math.max(...times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs)));
}
