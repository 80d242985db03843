import { cpus } from "node:os";
import { median } from "../../scripts/lib/statistics.ts";
import type { PullPlan } from "./pull-plan.ts";
import type { Pulling } from "./pullers.ts";
import { benchTable, rounded } from "./report.ts";

export interface PullResult {
  readonly plan: PullPlan;
  readonly pullers: number;
  readonly versions: { readonly broker: string; readonly server: string; readonly curl: string };
  /** Files a second, by round. */
  readonly byCurl: readonly number[];
  readonly byPullers: readonly Pulling[];
  /** How late the server that answers late did, as it measured itself; median. */
  readonly slowWaitedMs: number;
  /** Of that server. */
  readonly slowByCurl: number;
  readonly slowByPullers: Pulling;
}

/** What `--json` promises. */
export interface PullSummary {
  readonly server: string;
  readonly filesPerSecond: number;
  readonly curlPerSecond: number;
  readonly ratio: number;
  /** From the server that answers late; what its lateness allows at one request a file, and what curl gets of that. */
  readonly slowFilesPerSecond: number;
  readonly slowAllowedPerSecond: number;
  readonly slowCurlPerSecond: number;
  readonly slowWaitedMs: number;
}

export function summarisePull(result: PullResult): PullSummary {
  const { plan, pullers, versions, byCurl, byPullers, slowByCurl, slowByPullers, slowWaitedMs } = result;
  const filesPerSecond = median(byPullers.map((one) => one.filesPerSecond));
  const curlPerSecond = median(byCurl);
  return {
    server: versions.server,
    filesPerSecond: Math.round(filesPerSecond),
    curlPerSecond: Math.round(curlPerSecond),
    ratio: rounded(filesPerSecond / curlPerSecond, 3),
    slowFilesPerSecond: rounded(slowByPullers.filesPerSecond, 1),
    slowAllowedPerSecond: rounded((pullers * 1000) / plan.slowMs, 1),
    slowCurlPerSecond: rounded(slowByCurl, 1),
    slowWaitedMs: rounded(slowWaitedMs, 1),
  };
}

/** The table on the terminal; ends with a newline. */
export function formatPullBench(result: PullResult): string {
  const { plan, pullers, versions, byCurl, byPullers } = result;
  const summary = summarisePull(result);
  const rounds = (rates: readonly number[]): string => rates.map((rate) => Math.round(rate)).join(", ");
  const cpu = (of: (one: Pulling) => number): string => `${median(byPullers.map(of)).toFixed(0)} µs`;
  const { slowFilesPerSecond, slowAllowedPerSecond, slowCurlPerSecond, slowWaitedMs } = summary;
  return [
    `RabbitMQ ${versions.broker}; ${versions.server}; curl ${versions.curl}; Node ${process.version}; ${cpus().length} processors for all of it`,
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
    `  answered after ${plan.slowMs} ms (measured: ${slowWaitedMs.toFixed(1)}): ${slowFilesPerSecond.toFixed(1)} files/s of the ${slowAllowedPerSecond.toFixed(0)} that one request a file allows; curl ${slowCurlPerSecond.toFixed(1)}`,
    "",
  ].join("\n");
}
