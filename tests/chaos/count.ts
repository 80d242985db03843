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
/** Longer than the dispatcher holds back what it is in doubt about (30 s) and a puller's pauses. */
const stillMs = 60_000;
/** Nothing comes any more after this much silence; a repeat shows within it. */
const quietMs = 2_000;
const lookEveryMs = 100;

export interface CountOptions {
  readonly scene: Scene;
  readonly seed: number;
  readonly ratePerSecond: number;
  readonly signal: AbortSignal;
}

/** What is known of the products that are sent, and who lists the receiver folders. */
export interface Counting {
  readonly evidence: Evidence;
  readonly deliveries: Deliveries;
}

export interface CountedWork {
  /** Before the first product. */
  ready?(counting: Counting): Promise<void>;
  /** While products flow. */
  work(counting: Counting): Promise<void>;
}

/**
 * Sends products through a lab at a steady pace while some work is done, and gathers what becomes of each, until nothing moves any more.
 *
 * @returns the evidence, for `account`; what was delivered is still there
 * @throws UserError where products don't flow; what the work throws
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
    await drain(evidence, () => deliveries.look());
    return counting;
  } finally {
    await Promise.all([deliveries.stop(), tap.close()]);
  }
}

async function awaitFlow(evidence: Evidence, signal: AbortSignal): Promise<void> {
  const flows = () => evidence.products.some(({ delivered, dispatched }) => delivered.length + dispatched.length > 1);
  if (await poll(flows, { everyMs: lookEveryMs, withinMs: flowsWithinMs, signal })) return;
  throw new UserError("the lab", `no product came through within ${flowsWithinMs / 1000} s`, "./warren lab status");
}

/** Waits until all has arrived and nothing moves; where something is missing, for as long as anything still moves. */
async function drain(evidence: Evidence, look: () => Promise<void>): Promise<void> {
  const startedMs = Date.now();
  const isStill = async () => {
    await look();
    const still = Date.now() - Math.max(evidence.movedMs, startedMs);
    return still >= (evidence.undelivered().length === 0 ? quietMs : stillMs);
  };
  await poll(isStill, { everyMs: lookEveryMs });
}
