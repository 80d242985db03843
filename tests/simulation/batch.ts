import { Worker } from "node:worker_threads";
import { Counts } from "./counts.ts";
import { FaultPoints } from "./fault-points.ts";
import type { Bench } from "./schedule.ts";
import { failureOf, report } from "./shrink.ts";
import * as subject from "./subject.ts";
import { firmGround } from "./world.ts";

/** The result of many schedules. */
export interface BatchResult {
  readonly counts: Counts;
  readonly points: readonly (readonly [string, number])[];
  /** Full report of the first schedule that failed; undefined if none did. */
  readonly report: string | undefined;
}

export function realBench(): Bench {
  return { subject, ground: firmGround, counts: new Counts(), points: new FaultPoints() };
}

/** Runs the schedules of seeds `from` to `to` (exclusive), until one fails. */
export function runBatch(from: number, to: number, bench: Bench = realBench()): BatchResult {
  let text: string | undefined;
  for (let seed = from; seed < to && text === undefined; seed++) {
    const failure = failureOf({ seed }, bench);
    if (failure) text = report(failure, { ...bench, counts: new Counts(), points: new FaultPoints() });
  }
  return { counts: bench.counts, points: bench.points.list(), report: text };
}

/** The same in worker threads, which load the sources directly: modules that the test runner loads are much slower. */
export async function runBatchInThreads(from: number, to: number, threads: number): Promise<BatchResult> {
  const share = Math.ceil((to - from) / threads);
  const results = await Promise.all(
    Array.from({ length: threads }, (_, index) => {
      const start = from + index * share;
      return inThread(start, Math.min(start + share, to));
    }),
  );
  const counts = new Counts();
  const points = new FaultPoints();
  for (const result of results) {
    counts.add(result.counts);
    points.add(result.points);
  }
  return { counts, points: points.list(), report: results.find((result) => result.report)?.report };
}

function inThread(from: number, to: number): Promise<BatchResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./batch-thread.ts", import.meta.url), { workerData: { from, to } });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}
