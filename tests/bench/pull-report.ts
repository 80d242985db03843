import { cpus } from "node:os";
import { median } from "../../scripts/lib/statistics.ts";
import type { PullPlan } from "./pull-plan.ts";
import type { Pulling } from "./pullers.ts";
import { benchTable, rounded } from "./report.ts";

/** Rounds with one prefetch. */
export interface PrefetchResult {
  readonly prefetch: number;
  /** Files per second, by round. */
  readonly byCurl: readonly number[];
  readonly byPullers: readonly Pulling[];
  /** Consumers that only ack: the broker's bound. */
  readonly byBare: readonly Pulling[];
  /** Empty unless it was measured. */
  readonly bySr3: readonly Pulling[];
}

export interface PullResult {
  readonly plan: PullPlan;
  readonly pullers: number;
  readonly versions: { readonly broker: string; readonly server: string; readonly curl: string };
  readonly byPrefetch: readonly PrefetchResult[];
  /** Median delay of the slow server, as measured by itself. */
  readonly slowWaitedMs: number;
  /** Files per second from the slow server, with the first prefetch. */
  readonly slowByCurl: number;
  readonly slowByPullers: Pulling;
}

/** The shape of `--json`. */
export function summarisePull({
  plan,
  pullers,
  versions,
  byPrefetch,
  slowByCurl,
  slowByPullers,
  slowWaitedMs,
}: PullResult) {
  return {
    server: versions.server,
    byPrefetch: Object.fromEntries(byPrefetch.map((one) => [one.prefetch, summaryOf(one)])),
    /** From the slow server: files per second, the maximum at `prefetch` requests of each puller, and curl's figure. */
    slowFilesPerSecond: rounded(slowByPullers.filesPerSecond, 1),
    slowAllowedPerSecond: rounded((pullers * (plan.prefetches[0] ?? 1) * 1000) / plan.slowMs, 1),
    slowCurlPerSecond: rounded(slowByCurl, 1),
    slowWaitedMs: rounded(slowWaitedMs, 1),
  };
}

function summaryOf({ byCurl, byPullers, byBare, bySr3 }: PrefetchResult) {
  const of = (all: readonly Pulling[]) => ({
    filesPerSecond: Math.round(median(all.map((one) => one.filesPerSecond))),
    pullerMicroseconds: Math.round(median(all.map((one) => one.pullerMicroseconds))),
    brokerMicroseconds: Math.round(median(all.map((one) => one.brokerMicroseconds))),
    residentMiB: Math.round(median(all.map((one) => one.residentBytes)) / 2 ** 20),
  });
  const pullers = of(byPullers);
  const curlPerSecond = Math.round(median(byCurl));
  return {
    ...pullers,
    curlPerSecond,
    ratio: rounded(pullers.filesPerSecond / curlPerSecond, 3),
    bare: of(byBare),
    ...(bySr3.length > 0 && { sr3: of(bySr3) }),
  };
}

/** The table. Ends with a newline. */
export function formatPullBench(result: PullResult): string {
  const { plan, pullers, versions, byPrefetch } = result;
  const summary = summarisePull(result);
  const { slowFilesPerSecond, slowAllowedPerSecond, slowCurlPerSecond, slowWaitedMs } = summary;
  return [
    `RabbitMQ ${versions.broker}; ${versions.server}; curl ${versions.curl}; Node ${process.version}; ${cpus().length} processors shared by all processes`,
    `${plan.files} files of ${plan.fileBytes} bytes; medians of ${plan.rounds}; ratio: the pullers' files/s divided by those of this row`,
    "",
    benchTable([
      ["", "files/s", "ratio", "pullers, each", "broker, each", "resident", "rounds"],
      ...byPrefetch.flatMap((one) => rowsOf(one, pullers)),
      ["0 missing, 0 partial, 0 repeated"],
    ]),
    "",
    `  answered after ${plan.slowMs} ms (measured: ${slowWaitedMs.toFixed(1)}): ${slowFilesPerSecond.toFixed(1)} files/s of the ${slowAllowedPerSecond.toFixed(0)} possible at prefetch ${plan.prefetches[0]}; curl ${slowCurlPerSecond.toFixed(1)}`,
    "",
  ].join("\n");
}

function rowsOf(one: PrefetchResult, pullers: number): string[][] {
  const { prefetch, byCurl, byPullers, byBare, bySr3 } = one;
  const { curlPerSecond, ratio, bare, sr3, ...ours } = summaryOf(one);
  const rounds = (rates: readonly number[]): string => rates.map((rate) => Math.round(rate)).join(", ");
  const row = (what: string, of: typeof bare, all: readonly Pulling[]): string[] => [
    `${pullers} ${what}, prefetch ${prefetch}`,
    String(of.filesPerSecond),
    of === ours ? "" : (ours.filesPerSecond / of.filesPerSecond).toFixed(2),
    of === bare ? "" : `${of.pullerMicroseconds} µs`,
    `${of.brokerMicroseconds} µs`,
    of === bare ? "" : `${of.residentMiB} MiB`,
    rounds(all.map(({ filesPerSecond }) => filesPerSecond)),
  ];
  return [
    row("pullers", ours, byPullers),
    ...(sr3 ? [row("sr3 subscribe", sr3, bySr3)] : []),
    row("bare consumers", bare, byBare),
    [`curl --parallel, ${pullers} connections`, String(curlPerSecond), ratio.toFixed(2), "", "", "", rounds(byCurl)],
  ];
}
