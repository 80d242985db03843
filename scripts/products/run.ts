import { type Account, account, type Details } from "../lib/accounting.ts";
import type { Tap } from "../lib/tap.ts";
import { awaitArrival, type Outcome } from "./await-arrival.ts";
import type { ProductPlan } from "./plan.ts";
import { type ProgressStream, progressLine } from "./progress.ts";
import { listArrivals, type ReceiverFolder } from "./receivers.ts";
import type { Samples } from "./samples.ts";
import { type WrittenCopy, writeProducts } from "./writer.ts";

export interface RunOptions {
  readonly plan: ProductPlan;
  readonly samples: Samples;
  /** The db tree of each URP as this process can write it. */
  readonly roots: Readonly<Record<string, string>>;
  readonly folders: readonly ReceiverFolder[];
  readonly tap: Tap;
  readonly signal: AbortSignal;
  /** Where the live line goes. */
  readonly stream: ProgressStream;
  /** Seconds of the phases before this one; `products` is added. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly stallMs?: number;
}

export interface RunResult {
  readonly account: Account;
  readonly details: Details;
  readonly outcome: Outcome;
}

/** Nothing moving for this long means that nothing will: longer than any agent's longest pause between tries. */
const stallMsDefault = 20_000;

/** Sends a plan through: writes it, waits until it has come out at the other end, counts every product. */
export async function runProducts(options: RunOptions): Promise<RunResult> {
  const { plan, samples, roots, folders, tap } = options;
  const startMs = performance.now();
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const written: WrittenCopy[] = [];
  const writing = writeProducts(plan, { roots, samples, signal, onWritten: (copy) => written.push(copy) });
  // A write that fails ends the waiting at once; it is reported below.
  writing.catch(() => failed.abort());
  const line = progressLine(options.stream);
  const outcome = await awaitArrival({
    plan,
    tap,
    folders,
    signal,
    written: writing,
    stallMs: options.stallMs ?? stallMsDefault,
    onProgress: (progress) => line.show(progress),
  }).finally(() => line.end());
  await writing;
  const seconds = { ...options.seconds, products: Math.round((performance.now() - startMs) / 100) / 10 };
  const files = new Set(plan.products.flatMap((product) => product.copies.map((copy) => copy.file)));
  const arrivals = await listArrivals(folders, (file) => files.has(file));
  return {
    ...account({ plan, written, tap: tap.counts, arrivals, receivers: folders.map(({ pds }) => pds), seconds }),
    outcome,
  };
}
