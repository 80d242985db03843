import { cpus } from "node:os";
import { latenciesOf, median } from "../../scripts/lib/statistics.ts";
import { formatColumns } from "../../scripts/lib/table.ts";
import type { LatencyPlan, LatencyResult } from "./latency.ts";
import type { MemoryResults, ResidentGrowth } from "./memory.ts";
import type { Move } from "./move.ts";

export interface BenchResult {
  readonly brokerVersion: string;
  readonly queueType: string;
  readonly products: number;
  readonly latencyPlan: LatencyPlan;
  readonly shovel: readonly Move[];
  readonly dispatcher: readonly Move[];
  readonly latency: LatencyResult;
  readonly memory: MemoryResults;
}

const heldMeasured =
  "bytesPerName: growth of live objects and buffers after garbage collection, per name added since the same dispatcher was warm " +
  "with at most a thousand names (left out for fewer than 50,000 added names, where it would be noise); for more than " +
  "100,000 names, difference between a dispatcher that started with them in its journal and one that started with the smallest number";

/** The shape of `--json`. */
export function summarise(result: BenchResult) {
  const announcementsPerSecond = median(result.dispatcher.map((move) => move.announcementsPerSecond));
  const shovelPerSecond = median(result.shovel.map((move) => move.announcementsPerSecond));
  const { byNames, resident } = result.memory;
  const named = byNames.filter(({ bytesPerName }) => !Number.isNaN(bytesPerName));
  return {
    announcementsPerSecond: Math.round(announcementsPerSecond),
    shovelPerSecond: Math.round(shovelPerSecond),
    // Significant digits, because in a small run on a busy machine the ratio may be 0.001.
    ratio: Number((announcementsPerSecond / shovelPerSecond).toPrecision(3)),
    p99Ms: rounded(latenciesOf(result.latency.steadyMs).p99, 2),
    p99AfterSilenceMs: rounded(latenciesOf(result.latency.afterSilenceMs).p99, 2),
    /** Live objects and buffers, by number of names. */
    bytesPerName: Object.fromEntries(named.map(({ names, bytesPerName }) => [String(names), rounded(bytesPerName, 1)])),
    /** From the smallest to the largest number of names; null if that is too small compared with the noise. */
    residentBytesPerName: resident ? rounded(resident.bytesPerName, 1) : null,
    /** How the two figures above are measured. */
    bytesPerNameMeasured: resident
      ? `${heldMeasured}. residentBytesPerName: growth of the resident set from ${resident.fromNames} to ${resident.toNames} names, of dispatchers that started with them`
      : heldMeasured,
  };
}

/** The table. Ends with a newline. */
export function formatBench(result: BenchResult): string {
  const { shovel, dispatcher, latency, latencyPlan, memory, products } = result;
  const summary = summarise(result);
  const rounds = (moves: readonly Move[]): string =>
    moves.map((move) => Math.round(move.announcementsPerSecond)).join(", ");
  const cpu = (moves: readonly Move[], of: (move: Move) => number): string => `${median(moves.map(of)).toFixed(0)} µs`;
  const times = (values: readonly number[]): string => {
    const { p50, p99, max } = latenciesOf(values);
    return `p50 ${p50.toFixed(1)} ms   p99 ${p99.toFixed(1)} ms   max ${max.toFixed(1)} ms   (${values.length} products)`;
  };
  const broker = (move: Move): number => move.brokerMicroseconds;
  return [
    `RabbitMQ ${result.brokerVersion}, ${result.queueType} queues; Node ${process.version}; ${cpus().length} processors shared by all processes`,
    `${products} products, each announced twice; medians of ${dispatcher.length}`,
    "",
    benchTable([
      ["", "announcements/s", "broker, each", "dispatcher, each", "rounds"],
      ["shovel plugin", String(summary.shovelPerSecond), cpu(shovel, broker), "", rounds(shovel)],
      [
        "dispatcher",
        String(summary.announcementsPerSecond),
        cpu(dispatcher, broker),
        cpu(dispatcher, (move) => move.dispatcherMicroseconds),
        rounds(dispatcher),
      ],
      ["ratio", summary.ratio.toFixed(2), "", "", "0 missing, 0 repeated"],
    ]),
    "",
    benchTable([
      [`announcement to notification at ${latencyPlan.announcementsPerSecond}/s`, times(latency.steadyMs)],
      [`after ${latencyPlan.silenceSeconds} s of silence`, times(latency.afterSilenceMs)],
    ]),
    "",
    benchTable([
      ["names", "resident", "bytes per name", "dispatcher, each", "ready after"],
      ...memory.byNames.map((one) => [
        String(one.names),
        `${(one.residentBytes / 1e6).toFixed(0)} MB`,
        Number.isNaN(one.bytesPerName) ? "" : one.bytesPerName.toFixed(0),
        `${one.microsecondsPerAnnouncement.toFixed(0)} µs`,
        `${one.readySeconds.toFixed(1)} s`,
      ]),
    ]),
    ...(memory.resident === undefined ? [] : [residentLine(memory.resident)]),
    "",
  ].join("\n");
}

function residentLine({ fromNames, toNames, bytesPerName }: ResidentGrowth): string {
  return `  resident memory grows by ${bytesPerName.toFixed(0)} bytes per name from ${fromNames} to ${toNames} names, each in a dispatcher that started with them`;
}

export const benchTable = (rows: readonly (readonly string[])[]): string => formatColumns(rows, "  ", { gap: "   " });

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
