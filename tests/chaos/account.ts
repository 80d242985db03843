import type { Evidence, Notify, ProductRecord } from "./evidence.ts";
import type { Steps } from "./steps.ts";

/** A fault that was made, with its times, milliseconds since 1970. */
export interface RoundRecord {
  readonly number: number;
  readonly fault: string;
  readonly hosts: readonly string[];
  readonly faultMs: number;
  /** Healing was begun. */
  readonly healMs: number;
  /** All was as before. */
  readonly wholeMs: number;
  /** What was said of it, e.g. that a part could not be done here. */
  readonly notes: readonly string[];
  /** Why the fault could not be made, or what the system lacked when the time to recover was over; undefined where all went well. */
  readonly missing?: string | undefined;
  /** From the fault to the first product dispatched by another process than before; undefined where there was none. */
  readonly takeOverMs?: number | undefined;
  /** What that was made of, as far as hosts have said it. */
  readonly steps?: Steps | undefined;
  /** The longest time between two products dispatched. */
  readonly pauseMs?: number | undefined;
}

export type FindingKind = "lost" | "repeated" | "wrong";

/** One product that did not arrive once and whole, with all that is known of it. */
export interface Finding {
  readonly kind: FindingKind;
  readonly name: string;
  readonly key: string;
  /** Times too many; 1 where it is lost or wrong. */
  readonly count: number;
  /** In which round it happened; undefined before the first. */
  readonly round: RoundRecord | undefined;
  /** Why, as far as the evidence says. */
  readonly because: string;
  readonly record: ProductRecord | undefined;
  readonly atMs: number;
}

/** A dispatch of which its dispatcher has said that it may be a second one. */
export interface Doubt {
  readonly name: string;
  readonly key: string;
  readonly atMs: number;
  readonly messageId: string;
  readonly round: RoundRecord | undefined;
  /** Since the first dispatch that was seen; undefined where this is it. */
  readonly afterMs: number | undefined;
}

/** Jepsen's total queue: what was put in, what is known of it, what came out. */
export interface Account {
  /** Products whose files were put on both radar servers. */
  readonly attempted: number;
  /** Those with an announcement that the broker has routed. */
  readonly acknowledged: number;
  /** Those of which neither an announcement nor a dispatch was seen; lost all the same where they did not arrive. */
  readonly unknown: number;
  readonly delivered: number;
  readonly lost: number;
  /** Times too many, announced or delivered, whichever is more for a product. */
  readonly repeated: number;
  readonly repeatedAnnounced: number;
  readonly repeatedDelivered: number;
  /**
   * Publishes that a broker took, never confirmed, and lost on their way into the pull queue, and that were made good by another one: in
   * doubt, pulled afterwards, by one receipt alone. Whoever reads the exchange beside the pull queue sees two. No repeats.
   */
  readonly madeGood: number;
  /** Dispatched with the mark of doubt, mostly for the first time; where not, made good or one of the repeats. */
  readonly doubted: number;
  readonly doubts: readonly Doubt[];
  /** The other URP's copy, asked for because the first could not be fetched. */
  readonly twinsServed: number;
  readonly deadLetters: number;
  readonly wrong: number;
  readonly findings: readonly Finding[];
  /** By number of the round in which they were written. */
  readonly unknownByRound: ReadonlyMap<number, number>;
}

/** What came of a run. */
export interface ChaosResult {
  readonly seed: number;
  readonly rounds: readonly RoundRecord[];
  readonly account: Account;
  readonly seconds: number;
}

/** Counts all that was gathered. Call it when everything is healed and drained: what has not arrived is lost. */
export function account(evidence: Evidence, rounds: readonly RoundRecord[]): Account {
  const { products, retired, stragglers } = evidence;
  const attempted = products.filter(({ copies, writtenMs }) => writtenMs.size === copies.length);
  const unknown = attempted.filter(({ announced, dispatched }) => announced.length + dispatched.length === 0);
  const findings = [
    ...attempted.flatMap((record) => findingsOf(record, rounds)),
    ...stragglers.map((one): Finding => {
      const because = `${one.what}, long after it had arrived`;
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
    repeatedAnnounced: sum(announcedAgain) + stragglers.length,
    repeatedDelivered: sum(deliveredAgain),
    madeGood: sum(madeGood),
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

/** Whether every product arrived once and whole. */
export const isGood = ({ lost, repeated, wrong }: Account): boolean => lost + repeated + wrong === 0;

const announcedAgain = (record: ProductRecord): number => Math.max(0, record.dispatched.length - 1) - madeGood(record);
const deliveredAgain = ({ delivered }: ProductRecord): number => Math.max(0, delivered.length - 1);
const firstWrittenMs = ({ writtenMs }: ProductRecord): number => Math.min(...writtenMs.values());

function findingsOf(record: ProductRecord, rounds: readonly RoundRecord[]): Finding[] {
  const { name, key, delivered } = record;
  const found = (kind: FindingKind, count: number, atMs: number, because: string): Finding => {
    return { kind, name, key, count, atMs, because, record, round: roundAt(rounds, atMs) };
  };
  const findings: Finding[] = [];
  if (delivered.length === 0) findings.push(found("lost", 1, firstWrittenMs(record), whyLost(record)));
  const again = Math.max(announcedAgain(record), deliveredAgain(record));
  if (again > 0) findings.push(found("repeated", again, secondMs(record), whyRepeated(record)));
  for (const { wrong, atMs, pds } of delivered) {
    if (wrong !== undefined) findings.push(found("wrong", 1, atMs, `${wrong} (on ${pds})`));
  }
  return findings;
}

/** Publishes beyond the first of a product that the pull queue gave out once, after the last of them. */
function madeGood({ dispatched, receipts, delivered }: ProductRecord): number {
  const further = dispatched.toSorted((one, other) => one.atMs - other.atMs).slice(1);
  const [receipt, ...more] = receipts;
  const lastMs = further.at(-1)?.atMs;
  if (receipt === undefined || lastMs === undefined || more.length > 0 || delivered.length !== 1) return 0;
  return receipt.atMs >= lastMs && further.every(({ doubt }) => doubt) ? further.length : 0;
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
  if (letter) return `a dead letter: ${letter.reason}`;
  if (dispatched.length > 0) return "dispatched, and pulled by nobody";
  return announced.length > 0 ? "announced, and not dispatched" : "written, and not announced";
}

function whyRepeated(record: ProductRecord): string {
  const { dispatched, delivered } = record;
  if (announcedAgain(record) > 0)
    return dispatched.some(({ doubt }) => doubt) ? "dispatched again in doubt" : "dispatched again";
  const hosts = new Set(delivered.map(({ pds }) => pds)).size;
  return hosts > 1
    ? "dispatched once, pulled by two hosts: the ack of the first was lost"
    : "dispatched once, pulled twice by one host";
}

/** When it came for the second time. */
function secondMs({ dispatched, delivered }: ProductRecord): number {
  const times = (dispatched.length > 1 ? dispatched : delivered)
    .map(({ atMs }) => atMs)
    .toSorted((one, other) => one - other);
  return times[1] ?? times[0] ?? 0;
}

/** The round that a moment falls into: the last one whose fault was made before it. */
export function roundAt(rounds: readonly RoundRecord[], atMs: number): RoundRecord | undefined {
  return rounds.findLast(({ faultMs }) => faultMs <= atMs);
}

/** Milliseconds from a fault to the first product that another process than before dispatched. */
export function takeOverMs(notifies: readonly Notify[], faultMs: number): number | undefined {
  const before = notifies.findLast(({ atMs }) => atMs < faultMs)?.publisher;
  if (before === undefined) return undefined;
  const first = notifies.find(({ atMs, publisher }) => atMs >= faultMs && publisher !== before);
  return first === undefined ? undefined : first.atMs - faultMs;
}

/** The longest time between two products dispatched, from the last one before a moment on; milliseconds. */
export function longestPauseMs(notifies: readonly Notify[], fromMs: number): number | undefined {
  const start = notifies.findLastIndex(({ atMs }) => atMs < fromMs);
  const times = notifies.slice(Math.max(0, start)).map(({ atMs }) => atMs);
  if (times.length < 2) return undefined;
  return Math.max(...times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs)));
}
