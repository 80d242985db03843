import { latenciesOf } from "../lib/statistics.ts";
import type { PlannedProduct, ProductCopy, ProductPlan } from "./plan.ts";
import type { Arrival } from "./receivers.ts";
import type { TapCounts } from "./tap.ts";
import type { WrittenCopy } from "./writer.ts";

export interface LatencyMs {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The result of a run in numbers: the shape of `--json`. */
export interface Account {
  /** Copies announced by each URP; repeats count once. */
  readonly announced: Readonly<Record<string, number>>;
  /** Products that the dispatcher forwarded. A product forwarded twice counts once here, and in `repeated`. */
  readonly dispatched: number;
  /** Products by the URP whose copy the dispatcher forwarded. */
  readonly won: Readonly<Record<string, number>>;
  /** Files in each receiver folder. */
  readonly pulled: Readonly<Record<string, number>>;
  /** Products that a URP wrote and that no receiver folder has. */
  readonly lost: number;
  /** Repeats of products: surplus files, or surplus dispatches that left no surplus file. */
  readonly repeated: number;
  /** Files whose size differs from the copy on the URP in their name. */
  readonly wrongSize: number;
  /** Files of the right size with wrong content. */
  readonly wrongContent: number;
  /**
   * From the copy that was pulled being closed on its URP to the file being in the receiver folder, milliseconds, by the
   * kernel's change times of the two files (all hosts share one kernel, hence one clock). A twin that was closed earlier but
   * announced later does not count, as it did not take the measured path.
   */
  readonly latencyMs: LatencyMs;
  /** Duration of each phase of the run. */
  readonly seconds: Readonly<Record<string, number>>;
}

/** The last place where a lost product was seen. */
export type LostAfter = "written" | "announced" | "dispatched";

/** A file that differs from its URP's file of this name. */
export interface WrongFile {
  readonly pds: string;
  readonly file: string;
  readonly kind: "size" | "content";
  readonly what: string;
}

/** The names behind the numbers. */
export interface Details {
  readonly lost: readonly { readonly name: string; readonly after: LostAfter }[];
  readonly repeated: readonly { readonly name: string; readonly where: readonly string[] }[];
  readonly wrong: readonly WrongFile[];
  /** Receivers that got no product, although there were enough for all. */
  readonly idle: readonly string[];
  /** Repeated announcements of a copy. They are allowed, as announcers resend what is unconfirmed, but reported. */
  readonly announcedAgain: number;
  readonly tapGaps: number;
}

export interface AccountInput {
  readonly plan: ProductPlan;
  readonly written: readonly WrittenCopy[];
  readonly tap: TapCounts;
  readonly receivers: readonly string[];
  readonly arrivals: readonly Arrival[];
  readonly seconds: Readonly<Record<string, number>>;
}

/** Products per receiver from which a receiver without any shows a fault instead of chance. */
const productsPerReceiverMin = 5;

/**
 * Counts a run. The receiver folders decide about files; the tap knows what passed the broker. Where the tap lost its
 * connection, a pulled file proves that its copy was announced and dispatched.
 */
export function account(input: AccountInput): { account: Account; details: Details } {
  const { plan, tap, receivers } = input;
  const arrived = Map.groupBy(input.arrivals, ({ file }) => file);
  const evident = { tap, arrived, writtenAt: new Map(input.written.map((copy) => [copy.file, copy.closedMs])) };
  const outcomes = plan.products.map((product) => outcomeOf(product, evident));
  const copies = plan.products.flatMap((product) => product.copies);
  const copyOf = new Map(copies.map((copy) => [copy.file, copy]));
  const wrong = input.arrivals.flatMap((arrival) => faultsOf(arrival, copyOf.get(arrival.file)));
  const pulled = tally(
    receivers,
    input.arrivals.map(({ pds }) => pds),
  );
  const lost = outcomes.filter(({ written, arrivals }) => written && arrivals.length === 0);
  const repeated = outcomes.filter(({ repeats }) => repeats > 0);
  const enough = plan.products.length >= productsPerReceiverMin * receivers.length;

  return {
    account: {
      announced: tally(
        plan.urps,
        copies.filter(({ file }) => tap.announced.has(file) || arrived.has(file)).map(({ urp }) => urp),
      ),
      dispatched: outcomes.filter(({ winner }) => winner !== undefined).length,
      won: tally(
        plan.urps,
        outcomes.flatMap(({ winner }) => winner ?? []),
      ),
      pulled,
      lost: lost.length,
      repeated: repeated.reduce((sum, { repeats }) => sum + repeats, 0),
      wrongSize: wrong.filter(({ kind }) => kind === "size").length,
      wrongContent: wrong.filter(({ kind }) => kind === "content").length,
      latencyMs: summarise(latencies(input.arrivals, evident.writtenAt)),
      seconds: Object.fromEntries(Object.entries(input.seconds).map(([phase, value]) => [phase, toTenths(value)])),
    },
    details: {
      lost: lost.map(({ name, after }) => ({ name, after })),
      repeated: repeated.map(({ name, arrivals, dispatches }) => ({
        name,
        where: arrivals.length > 1 ? arrivals.map(({ pds }) => pds) : [`dispatched ${dispatches} times`],
      })),
      wrong,
      idle: enough ? receivers.filter((pds) => pulled[pds] === 0) : [],
      announcedAgain: copies.reduce(
        (sum, { file }) => sum + Math.max(0, (tap.announced.get(file)?.length ?? 0) - 1),
        0,
      ),
      tapGaps: tap.tapGaps,
    },
  };
}

/** Whether every product arrived once and intact. */
export function isGood({ lost, repeated, wrongSize, wrongContent }: Account): boolean {
  return lost + repeated + wrongSize + wrongContent === 0;
}

interface Evidence {
  readonly tap: TapCounts;
  readonly arrived: ReadonlyMap<string, readonly Arrival[]>;
  readonly writtenAt: ReadonlyMap<string, number>;
}

function outcomeOf({ name, copies }: PlannedProduct, evidence: Evidence) {
  const arrivals = copies.flatMap(({ file }) => evidence.arrived.get(file) ?? []);
  const hosts = copies.flatMap(({ file }) => evidence.tap.dispatched.get(file) ?? []);
  const pulledCopy = copies.find(({ file }) => evidence.arrived.has(file));
  const announced = copies.some(({ file }) => evidence.tap.announced.has(file));
  const after: LostAfter = hosts.length > 0 ? "dispatched" : announced ? "announced" : "written";
  return {
    name,
    written: copies.some(({ file }) => evidence.writtenAt.has(file)),
    arrivals,
    after,
    dispatches: hosts.length,
    winner: hosts[0] ?? pulledCopy?.urp,
    repeats: Math.max(arrivals.length - 1, hosts.length - 1, 0),
  };
}

function faultsOf(arrival: Arrival, copy: ProductCopy | undefined): WrongFile[] {
  if (copy === undefined) return [];
  const { pds, file } = arrival;
  if (arrival.size !== copy.size) {
    return [{ pds, file, kind: "size", what: `${arrival.size} bytes, ${copy.size} on ${copy.urp}` }];
  }
  if (arrival.sha256 !== copy.sha256) {
    return [{ pds, file, kind: "content", what: `${copy.size} bytes as on ${copy.urp}, but different ones` }];
  }
  return [];
}

function tally(names: readonly string[], seen: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]));
  for (const name of seen) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function latencies(arrivals: readonly Arrival[], writtenAt: ReadonlyMap<string, number>): number[] {
  return arrivals.flatMap(({ file, ctimeMs }) => {
    const closedMs = writtenAt.get(file);
    return closedMs === undefined ? [] : [ctimeMs - closedMs];
  });
}

/** Nearest-rank percentiles, rounded to a tenth of a millisecond; zeros if nothing arrived. */
export function summarise(values: readonly number[]): LatencyMs {
  const { p50, p99, max } = latenciesOf(values.length > 0 ? values : [0]);
  return { p50: toTenths(p50), p99: toTenths(p99), max: toTenths(max) };
}

function toTenths(value: number): number {
  return Math.round(value * 10) / 10;
}
