import { cpus } from "node:os";
import { benchTable, rounded } from "./report.ts";
import type { WatchPlan } from "./watch-plan.ts";
import type { WriterAccount } from "./watch-writer.ts";

export interface WatchResult extends WriterAccount {
  readonly plan: WatchPlan;
  readonly brokerVersion: string;
  readonly files: number;
  /** Of which no announcement came. */
  readonly lost: number;
  /** Announcements of files that were announced before. */
  readonly repeated: number;
  /** Milliseconds since 1970. */
  readonly lastHeardMs: number;
  /** Times that a tree was looked through, and files that were found by that and not by an event. */
  readonly rescans: number;
  readonly foundByRescan: number;
  /** Of processor, for each file. */
  readonly watcherMicroseconds: number;
  readonly brokerMicroseconds: number;
}

/** What `--json` promises. */
export interface WatchSummary {
  readonly files: number;
  /** At which files came. */
  readonly filesPerSecond: number;
  /** At which a client heard of them, from the first file to the last announcement. */
  readonly announcedPerSecond: number;
  /** From the last file to the last announcement. */
  readonly lagSeconds: number;
  readonly lost: number;
  readonly repeated: number;
  readonly rescans: number;
  readonly foundByRescan: number;
}

export function summariseWatch(result: WatchResult): WatchSummary {
  const { files, firstMs, lastMs, lastHeardMs, lost, repeated, rescans, foundByRescan } = result;
  return {
    files,
    filesPerSecond: Math.round(files / ((lastMs - firstMs) / 1000)),
    announcedPerSecond: Math.round((files - lost) / ((lastHeardMs - firstMs) / 1000)),
    lagSeconds: rounded(Math.max(0, lastHeardMs - lastMs) / 1000, 2),
    lost,
    repeated,
    rescans,
    foundByRescan,
  };
}

/** The table on the terminal; ends with a newline. */
export function formatWatchBench(result: WatchResult): string {
  const { brokerVersion, plan, watcherMicroseconds, brokerMicroseconds } = result;
  const summary = summariseWatch(result);
  return [
    `RabbitMQ ${brokerVersion}; Node ${process.version}; ${cpus().length} processors for all of it`,
    `${summary.files} files of ${plan.fileBytes} bytes, renamed into ${plan.folders} folders of a watched tree`,
    "",
    benchTable([
      ["files came", `${summary.filesPerSecond} a second`],
      [
        "were announced",
        `${summary.announcedPerSecond} a second, the last ${summary.lagSeconds.toFixed(2)} s after it came`,
      ],
      ["lost", String(summary.lost)],
      ["repeated", String(summary.repeated)],
      ["looks through the tree", `${summary.rescans}, by which ${summary.foundByRescan} files were found`],
      ["processor, each", `watcher ${watcherMicroseconds.toFixed(0)} µs, broker ${brokerMicroseconds.toFixed(0)} µs`],
    ]),
    "",
  ].join("\n");
}
