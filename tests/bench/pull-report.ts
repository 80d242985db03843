import { cpus } from "node:os";
import { median } from "../../scripts/lib/statistics.ts";
import type { PullPlan } from "./pull-plan.ts";
import type { Pulling } from "./pullers.ts";
import { benchTable, rounded } from "./report.ts";

export interface PullResult {
  readonly plan: PullPlan;
  readonly pullers: number;
  readonly versions: { readonly broker: string; readonly server: string; readonly curl: string };
  /** Files per second, by round. */
  readonly byCurl: readonly number[];
  readonly byPullers: readonly Pulling[];
  /** Median delay of the slow server, as measured by itself. */
  readonly slowWaitedMs: number;
  /** Files per second from the slow server. */
  readonly slowByCurl: number;
  readonly slowByPullers: Pulling;
}

/** The shape of `--json`. */
export function summarisePull(result: PullResult) {
  const { plan, pullers, versions, byCurl, byPullers, slowByCurl, slowByPullers, slowWaitedMs } = result;
  const filesPerSecond = median(byPullers.map((one) => one.filesPerSecond));
  const curlPerSecond = median(byCurl);
  return {
    server: versions.server,
    filesPerSecond: Math.round(filesPerSecond),
    curlPerSecond: Math.round(curlPerSecond),
    ratio: rounded(filesPerSecond / curlPerSecond, 3),
    /** From the slow server: files per second, the maximum at one request per file, and curl's figure. */
    slowFilesPerSecond: rounded(slowByPullers.filesPerSecond, 1),
    slowAllowedPerSecond: rounded((pullers * 1000) / plan.slowMs, 1),
    slowCurlPerSecond: rounded(slowByCurl, 1),
    slowWaitedMs: rounded(slowWaitedMs, 1),
  };
}

/** The table. Ends with a newline. */
export function formatPullBench(result: PullResult): string {
  const { plan, pullers, versions, byCurl, byPullers } = result;
  const summary = summarisePull(result);
  const rounds = (rates: readonly number[]): string => rates.map((rate) => Math.round(rate)).join(", ");
  const cpu = (of: (one: Pulling) => number): string => `${median(byPullers.map(of)).toFixed(0)} µs`;
  const { slowFilesPerSecond, slowAllowedPerSecond, slowCurlPerSecond, slowWaitedMs } = summary;
  return [
    `RabbitMQ ${versions.broker}; ${versions.server}; curl ${versions.curl}; Node ${process.version}; ${cpus().length} processors shared by all processes`,
    `${plan.files} files of ${plan.fileBytes} bytes; medians of ${byCurl.length}`,
    "",
    benchTable([
      ["", "files/s", "pullers, each", "broker, each", "rounds"],
      [`curl --parallel, ${pullers} connections`, String(summary.curlPerSecond), "", "", rounds(byCurl)],
      [
        `${pullers} pullers, prefetch 1`,
        String(summary.filesPerSecond),
        cpu((one) => one.pullerMicroseconds),
        cpu((one) => one.brokerMicroseconds),
        rounds(byPullers.map((one) => one.filesPerSecond)),
      ],
      ["ratio", summary.ratio.toFixed(2), "", "", "0 missing, 0 partial, 0 repeated"],
    ]),
    "",
    `  answered after ${plan.slowMs} ms (measured: ${slowWaitedMs.toFixed(1)}): ${slowFilesPerSecond.toFixed(1)} files/s of the ${slowAllowedPerSecond.toFixed(0)} possible at one request per file; curl ${slowCurlPerSecond.toFixed(1)}`,
    "",
  ].join("\n");
}
