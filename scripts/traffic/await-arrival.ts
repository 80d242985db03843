import { pause } from "../lib/poll.ts";
import type { ProductPlan } from "./plan.ts";
import { listNames, type ReceiverFolder, watchFolders } from "./receivers.ts";
import type { Tap } from "./tap.ts";

/** The progress of a run: the numbers of the progress line. */
export interface Progress {
  /** Copies announced, by the order of the plan's URPs. */
  readonly announced: readonly number[];
  readonly dispatched: number;
  readonly pulled: number;
  readonly count: number;
}

/** `complete`: everything arrived, and nothing after it. `stalled`: nothing arrived for too long. */
export type Outcome = "complete" | "stalled" | "aborted";

export interface AwaitOptions {
  readonly plan: ProductPlan;
  readonly tap: Tap;
  readonly folders: readonly ReceiverFolder[];
  /** Resolves when all products are written: until then a silence is no sign of a stall. */
  readonly written: Promise<unknown>;
  readonly signal: AbortSignal;
  /** Stop when nothing was announced, dispatched or pulled for this long. */
  readonly stallMs: number;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * A repeated product can only be seen by waiting for it: after everything has arrived, this much silence on the broker and in
 * the folders counts as the end. One product needs a tenth of this time.
 */
const quietMs = 500;
/** As `quietMs`, if the broker was away in between: announcements are then resent seconds later. */
const quietAfterGapMs = 3000;
/** Milliseconds between two listings: events of folder watches may be lost. */
const listEveryMs = 1000;
const lookEveryMs = 50;

/** Waits until every product of the plan is in a receiver folder and all copies have been announced. */
export async function awaitArrival(options: AwaitOptions): Promise<Outcome> {
  const { plan, tap, signal } = options;
  const urpOf = new Map(plan.products.flatMap(({ copies }) => copies.map(({ file, urp }) => [file, urp])));
  const productOf = new Map(plan.products.flatMap(({ name, copies }) => copies.map(({ file }) => [file, name])));
  const announced = new Map(plan.urps.map((urp) => [urp, new Set<string>()]));
  const dispatched = new Set<string>();
  const pulled = new Set<string>();
  let movedMs = performance.now();
  let writing = true;
  const progress = (): Progress => ({
    announced: [...announced.values()].map(({ size }) => size),
    dispatched: dispatched.size,
    pulled: pulled.size,
    count: plan.products.length,
  });
  const moved = (): void => {
    movedMs = performance.now();
  };
  const onAnnounced = (file: string): void => {
    moved();
    announced.get(urpOf.get(file) ?? "")?.add(file);
  };
  const onDispatched = (file: string): void => {
    moved();
    const product = productOf.get(file);
    if (product !== undefined) dispatched.add(product);
  };
  const arrived = (file: string): void => {
    const product = productOf.get(file);
    if (product === undefined) return;
    moved();
    pulled.add(product);
  };
  const isComplete = (): boolean => {
    if (writing || pulled.size < plan.products.length) return false;
    const announcedAll = progress().announced.reduce((sum, count) => sum + count, 0) === urpOf.size;
    return performance.now() - movedMs >= (announcedAll && tap.counts.tapGaps === 0 ? quietMs : quietAfterGapMs);
  };
  const list = async (): Promise<void> => {
    const names = await listNames(options.folders, (file) => productOf.has(file));
    for (const { file } of names) if (!pulled.has(productOf.get(file) ?? "")) arrived(file);
  };

  for (const file of tap.counts.announced.keys()) onAnnounced(file);
  for (const file of tap.counts.dispatched.keys()) onDispatched(file);
  tap.on("announced", onAnnounced).on("dispatched", onDispatched);
  const unwatch = watchFolders(options.folders, (_pds, file) => arrived(file));
  void options.written
    .catch(() => {})
    .then(() => {
      writing = false;
      moved();
    });
  try {
    for (let listedMs = 0; ; ) {
      if (performance.now() - listedMs >= listEveryMs) {
        await list();
        listedMs = performance.now();
      }
      options.onProgress?.(progress());
      if (signal.aborted) return "aborted";
      if (isComplete()) return "complete";
      if (!writing && performance.now() - movedMs >= options.stallMs) return "stalled";
      await pause(lookEveryMs, signal);
    }
  } finally {
    unwatch();
    tap.off("announced", onAnnounced).off("dispatched", onDispatched);
  }
}
