import { rm } from "node:fs/promises";
import { join } from "node:path";
import { productName } from "../../agents/lib/announcement.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { brokerTrust, brokerUrl } from "../../scripts/lab/send-products.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { type Account, account, type ChaosResult, type RoundRecord } from "./account.ts";
import { watchDeliveries } from "./deliveries.ts";
import { Evidence, type ProductRecord } from "./evidence.ts";
import type { Fault } from "./faults.ts";
import { healAll } from "./heal.ts";
import { awaitHealed } from "./healed.ts";
import { planRounds } from "./plan.ts";
import { runMark } from "./products.ts";
import { describeRound } from "./report.ts";
import { makeRound } from "./round.ts";
import { type Scene, tapPlace, tapUser } from "./scene.ts";
import { openChaosTap, removeTapQueue, tapQueue } from "./tap.ts";
import { startTraffic } from "./traffic.ts";

export interface ChaosOptions {
  readonly scene: Scene;
  readonly faults: readonly Fault[];
  readonly seed: number;
  readonly ratePerSecond: number;
  /** Stops after this many rounds, and starts no round after this many milliseconds. */
  readonly rounds: number;
  readonly durationMs: number;
  /** When aborted: no more rounds, the current fault is healed, and products in flight are awaited. */
  readonly signal: AbortSignal;
  /** Prints a line for the operator. */
  say(text: string): void;
  /** Reports progress, a few times a second. */
  onProgress?(evidence: Evidence, doing: string): void;
  /** Called with a function that heals the injected fault, and with undefined when it is healed. */
  onOpenFault?(heal: (() => Promise<unknown>) | undefined): void;
}

const readyWithinMs = 120_000;
const flowsWithinMs = 30_000;
/** Longer than the dispatcher holds unconfirmed products (30 s) plus a puller's pauses. */
const stillMs = 60_000;
/** After this much silence nothing more arrives, repeats included. */
const quietMs = 2_000;
const pollEveryMs = 100;
const removedAtOnce = 100;
const progressEveryMs = 500;
/** Products without findings are retired after this time: longer than any delay. */
const keepMs = 600_000;

/**
 * Sends products through a lab and injects faults, round by round. Then heals, drains and counts. The lab must be up.
 *
 * @throws UserError if the lab is unhealthy before the first fault, or products don't flow
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { scene, seed, signal, say } = options;
  const startMs = Date.now();
  const run = startMs.toString(36).toUpperCase();
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
  let doing = "waiting for the lab and its first products";
  const progress = setInterval(() => options.onProgress?.(evidence, doing), progressEveryMs);
  try {
    const missing = await awaitHealed(scene, { withinMs: readyWithinMs, signal, queue: tapQueue });
    if (missing !== undefined) throw new UserError(`lab ${scene.lab}`, `is not healthy: ${missing}`, "./warren status");
    const traffic = startTraffic({
      run,
      seed,
      ratePerSecond: options.ratePerSecond,
      roots: scene.roots,
      onAttempt: (product) => evidence.attempted(product),
      onWritten: (product, copy) => evidence.written(product, copy, Date.now()),
    });
    const work = async (): Promise<RoundRecord[]> => {
      await awaitFlow(evidence, signal);
      return makeRounds(options, evidence, {
        scan: () => deliveries.scan(),
        show: (text) => (doing = text),
        clear: () => retire(scene, evidence, deliveries.remove),
      });
    };
    let rounds: RoundRecord[];
    try {
      rounds = await Promise.race([work(), traffic.failed, deliveries.failed]);
    } finally {
      doing = "no new products; waiting for the last ones";
      await traffic.stop();
    }
    if (rounds.some(({ missing }) => missing !== undefined)) await healAll(scene);
    await drain(evidence, () => deliveries.scan());
    const counted = account(evidence, rounds);
    await clear(scene, evidence.products, counted, deliveries.remove);
    return { seed, rounds, account: counted, seconds: (Date.now() - startMs) / 1000 };
  } finally {
    clearInterval(progress);
    await Promise.all([deliveries.stop(), tap.close()]);
    await removeTapQueue(
      brokerUrl(scene.config, tapUser(scene.config).user),
      (await brokerTrust(scene.lab, scene.config)).ca,
    ).catch((error: Error) => say(`can't delete the tap's queue ${tapQueue}: ${error.message}`));
  }
}

interface Callbacks {
  scan(): Promise<void>;
  show(doing: string): void;
  /** Deletes old products that are counted. */
  clear(): Promise<void>;
}

async function makeRounds(options: ChaosOptions, evidence: Evidence, callbacks: Callbacks): Promise<RoundRecord[]> {
  const { seed, faults, signal, say, durationMs } = options;
  const endMs = Date.now() + durationMs;
  const rounds: RoundRecord[] = [];
  const givenUp = new Set<string>();
  for (const planned of planRounds(seed, faults)) {
    if (signal.aborted || planned.number > options.rounds || Date.now() >= endMs) break;
    const fault = faults.find(({ name }) => name === planned.fault);
    if (!fault) continue;
    const record = await makeRound({ ...options, ...callbacks, evidence, fault, planned, givenUp });
    if (record === undefined) break;
    rounds.push(record);
    say(describeRound(record));
    evidence.forgetNotifies(record.recoveredMs);
    await callbacks.clear();
  }
  return rounds;
}

/** Retires old products without findings, in the folders and in memory. */
async function retire(
  scene: Scene,
  evidence: Evidence,
  remove: (record: ProductRecord) => Promise<void>,
): Promise<void> {
  for (const record of evidence.retire(Date.now() - keepMs)) {
    await remove(record);
    await removeCopies(scene, record);
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

/** Deletes the run's files, except those of products with findings. */
async function clear(
  scene: Scene,
  products: readonly ProductRecord[],
  { findings }: Account,
  remove: (record: ProductRecord) => Promise<void>,
): Promise<void> {
  const kept = new Set(findings.map(({ name }) => name));
  const left = products.filter(({ name }) => !kept.has(name));
  while (left.length > 0) {
    await Promise.all(left.splice(-removedAtOnce).flatMap((record) => [remove(record), removeCopies(scene, record)]));
  }
}

async function removeCopies({ roots }: Scene, { copies }: ProductRecord): Promise<void> {
  for (const { urp, path } of copies) await rm(join(roots[urp] ?? "", path), { force: true });
}
