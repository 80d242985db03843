import { Worker } from "node:worker_threads";
import { Counts } from "./counts.ts";
import { FaultPoints } from "./fault-points.ts";
import type { Bench } from "./schedule.ts";
import { failureOf, report } from "./shrink.ts";
import * as subject from "./subject.ts";
import { firmGround } from "./world.ts";

/** What came of many schedules. */
export interface BatchResult {
  readonly counts: Counts;
  readonly points: readonly (readonly [string, number])[];
  /** The first schedule that failed, told in full; undefined: none did. */
  readonly report: string | undefined;
}

export function realBench(): Bench {
  return { subject, ground: firmGround, counts: new Counts(), points: new FaultPoints() };
}

/** Runs the schedules of the seeds `from` up to and without `to`, until one fails. */
export function runBatch(from: number, to: number, bench: Bench = realBench()): BatchResult {
  let text: string | undefined;
  for (let seed = from; seed < to && text === undefined; seed++) {
    const failure = failureOf({ seed }, bench);
    if (failure) text = report(failure, { ...bench, counts: new Counts(), points: new FaultPoints() });
  }
  return { counts: bench.counts, points: bench.points.list(), report: text };
}

/** The same in threads of their own, which run the sources as they are: a test runner's way of loading them costs a lot of time. */
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
