import { productName } from "../../agents/lib/announcement.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { type Deliveries, watchDeliveries } from "./deliveries.ts";
import { Evidence } from "./evidence.ts";
import { runMark } from "./products.ts";
import { type Scene, tapPlace } from "./scene.ts";
import { openChaosTap } from "./tap.ts";
import { startTraffic } from "./traffic.ts";

const flowsWithinMs = 30_000;
/** Longer than the dispatcher holds unconfirmed products (30 s) plus a puller's pauses. */
const stillMs = 60_000;
/** After this much silence nothing more arrives, repeats included. */
const quietMs = 2_000;
const pollEveryMs = 100;

export interface CountOptions {
  readonly scene: Scene;
  readonly seed: number;
  readonly ratePerSecond: number;
  readonly signal: AbortSignal;
}

/** The evidence of the products sent, and the watch of the receiver folders. */
export interface Counting {
  readonly evidence: Evidence;
  readonly deliveries: Deliveries;
}

export interface CountedWork {
  /** Runs before the first product. */
  ready?(counting: Counting): Promise<void>;
  /** Runs while products flow. */
  work(counting: Counting): Promise<void>;
}

/**
 * Sends products through a lab at a steady rate during some work, and records evidence of each, until nothing moves any more.
 *
 * @returns the evidence, for `account`; delivered files are not deleted
 * @throws UserError if products don't flow; errors of the work
 */
export async function countProducts(
  { scene, seed, ratePerSecond, signal }: CountOptions,
  { ready, work }: CountedWork,
): Promise<Counting> {
  const run = Date.now().toString(36).toUpperCase();
  const mark = runMark(run);
  const evidence = new Evidence(mark);
  const copyOf = (file: string) => evidence.product(productName(file))?.copies.find((copy) => copy.file === file);
  const tap = await openChaosTap({ ...tapPlace(scene), onSeen: (seen) => evidence.saw(seen) });
  const deliveries = watchDeliveries({
    folders: scene.folders,
    mark,
    copyOf,
    onDelivered: (file) => evidence.delivered(file),
  });
  const counting = { evidence, deliveries };
  try {
    await ready?.(counting);
    const traffic = startTraffic({
      run,
      seed,
      ratePerSecond,
      roots: scene.roots,
      onAttempt: (product) => evidence.attempted(product),
      onWritten: (product, copy) => evidence.written(product, copy, Date.now()),
    });
    try {
      const working = awaitFlow(evidence, signal).then(() => work(counting));
      await Promise.race([working, traffic.failed, deliveries.failed]);
    } finally {
      await traffic.stop();
    }
    await drain(evidence, () => deliveries.scan());
    return counting;
  } finally {
    await Promise.all([deliveries.stop(), tap.close()]);
  }
}

async function awaitFlow(evidence: Evidence, signal: AbortSignal): Promise<void> {
  const flows = () => evidence.products.some(({ delivered, dispatched }) => delivered.length + dispatched.length > 1);
  if (await poll(flows, { everyMs: pollEveryMs, withinMs: flowsWithinMs, signal })) return;
  throw new UserError("the lab", `no product was delivered within ${flowsWithinMs / 1000} s`, "./warren lab status");
}

/** Waits until all products have arrived and nothing moves. If some are missing, waits until nothing has moved for longer. */
async function drain(evidence: Evidence, scan: () => Promise<void>): Promise<void> {
  const startedMs = Date.now();
  const isStill = async () => {
    await scan();
    const still = Date.now() - Math.max(evidence.movedMs, startedMs);
    return still >= (evidence.undelivered().length === 0 ? quietMs : stillMs);
  };
  await poll(isStill, { everyMs: pollEveryMs });
}
