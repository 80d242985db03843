import { cpus } from "node:os";
import { benchTable, rounded } from "./report.ts";
import type { WatchPlan } from "./watch-plan.ts";
import type { WriterAccount } from "./watch-writer.ts";

export interface WatchResult extends WriterAccount {
  readonly plan: WatchPlan;
  readonly brokerVersion: string;
  readonly files: number;
  /** Files without an announcement. */
  readonly lost: number;
  /** Repeated announcements. */
  readonly repeated: number;
  /** Milliseconds since 1970. */
  readonly lastHeardMs: number;
  /** Number of tree scans, and of files found by a scan instead of an event. */
  readonly rescans: number;
  readonly foundByRescan: number;
  /** CPU time for each file. */
  readonly watcherMicroseconds: number;
  readonly brokerMicroseconds: number;
}

/** The shape of `--json`. */
export function summariseWatch(result: WatchResult) {
  const { files, firstMs, lastMs, lastHeardMs, lost, repeated, rescans, foundByRescan } = result;
  return {
    files,
    /** Rate of new files. */
    filesPerSecond: Math.round(files / ((lastMs - firstMs) / 1000)),
    /** Rate of announcements at a client, from the first file to the last announcement. */
    announcedPerSecond: Math.round((files - lost) / ((lastHeardMs - firstMs) / 1000)),
    /** From the last file to the last announcement. */
    lagSeconds: rounded(Math.max(0, lastHeardMs - lastMs) / 1000, 2),
    lost,
    repeated,
    rescans,
    foundByRescan,
  };
}

/** The table. Ends with a newline. */
export function formatWatchBench(result: WatchResult): string {
  const { brokerVersion, plan, watcherMicroseconds, brokerMicroseconds } = result;
  const summary = summariseWatch(result);
  return [
    `RabbitMQ ${brokerVersion}; Node ${process.version}; ${cpus().length} processors shared by all processes`,
    `${summary.files} files of ${plan.fileBytes} bytes, renamed into ${plan.folders} folders of a watched tree`,
    "",
    benchTable([
      ["new files", `${summary.filesPerSecond} per second`],
      [
        "announced",
        `${summary.announcedPerSecond} per second, the last ${summary.lagSeconds.toFixed(2)} s after its file`,
      ],
      ["lost", String(summary.lost)],
      ["repeated", String(summary.repeated)],
      ["scans of the tree", `${summary.rescans}, which found ${summary.foundByRescan} files`],
      ["CPU time, each", `watcher ${watcherMicroseconds.toFixed(0)} µs, broker ${brokerMicroseconds.toFixed(0)} µs`],
    ]),
    "",
  ].join("\n");
}
