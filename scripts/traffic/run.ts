import { type Account, account, type Details } from "./accounting.ts";
import { awaitArrival, type Outcome, type Progress } from "./await-arrival.ts";
import type { ProductPlan } from "./plan.ts";
import { type ProgressStream, progressLine } from "./progress.ts";
import { listArrivals, type ReceiverFolder } from "./receivers.ts";
import type { Samples } from "./samples.ts";
import type { Tap } from "./tap.ts";
import { writeProducts } from "./writer.ts";

export interface RunOptions {
  readonly plan: ProductPlan;
  readonly samples: Samples;
  /** The db tree of each URP, as a path that this process can write. */
  readonly roots: Readonly<Record<string, string>>;
  readonly folders: readonly ReceiverFolder[];
  readonly tap: Tap;
  readonly signal: AbortSignal;
  /** The stream of the progress line. */
  readonly stream: ProgressStream;
  /** Seconds of the previous phases; `products` is added. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly stallMs?: number;
  readonly onProgress?: (progress: Progress) => void;
  /** Called between the last arrival and the count, e.g. to stop processes that might still change the folders. */
  readonly beforeCount?: () => Promise<void>;
}

export interface RunResult {
  readonly account: Account;
  readonly details: Details;
  readonly outcome: Outcome;
}

/** Silence after which the run gives up: longer than any agent's longest pause between attempts. */
const stallMsDefault = 20_000;

/**
 * Sends a plan: writes its files, waits until they have arrived at the receivers, and counts each product. Rejects if a tree
 * can't be written or a receiver folder can't be read; an aborted `signal` stops it early and counts what has arrived.
 */
export async function runProducts(options: RunOptions): Promise<RunResult> {
  const { plan, folders, tap } = options;
  const startMs = performance.now();
  const { written, outcome } = await writeAndWait(options);
  const seconds = { ...options.seconds, products: (performance.now() - startMs) / 1000 };
  await options.beforeCount?.();
  const files = new Set(plan.products.flatMap((product) => product.copies.map((copy) => copy.file)));
  const arrivals = await listArrivals(folders, (file) => files.has(file));
  const receivers = folders.map(({ pds }) => pds);
  return { ...account({ plan, written, tap: tap.counts, arrivals, receivers, seconds }), outcome };
}

/** If one of the two fails, the other is stopped. */
async function writeAndWait(options: RunOptions) {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const line = progressLine(options.stream);
  const writing = writeProducts(options.plan, { ...options, signal });
  const waiting = awaitArrival({
    ...options,
    written: writing,
    signal,
    stallMs: options.stallMs ?? stallMsDefault,
    onProgress: (progress) => {
      line.show(progress);
      options.onProgress?.(progress);
    },
  });
  try {
    const [written, outcome] = await Promise.all([writing, waiting]);
    return { written, outcome };
  } catch (error) {
    failed.abort();
    await Promise.allSettled([writing, waiting]);
    throw error;
  } finally {
    line.end();
  }
}
