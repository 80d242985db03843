import { rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { brokerTrust, brokerUrl } from "../../scripts/lab/send-products.ts";
import { type Account, account, type ChaosResult, type RoundRecord } from "./account.ts";
import { countProducts } from "./count.ts";
import type { Evidence, ProductRecord } from "./evidence.ts";
import type { Fault } from "./faults.ts";
import { healAll } from "./heal.ts";
import { awaitHealed } from "./healed.ts";
import { planRounds } from "./plan.ts";
import { describeRound } from "./report.ts";
import { makeRound } from "./round.ts";
import { onlooker, type Scene } from "./scene.ts";
import { removeTapQueue, tapQueue } from "./tap.ts";

export interface ChaosOptions {
  readonly scene: Scene;
  readonly faults: readonly Fault[];
  readonly seed: number;
  readonly ratePerSecond: number;
  /** Ends after so many rounds, and before a round that would begin after so many milliseconds. */
  readonly rounds: number;
  readonly durationMs: number;
  /** Aborted: no more rounds; what is open is healed, what is under way is waited for. */
  readonly signal: AbortSignal;
  /** A line for the person who waits. */
  say(text: string): void;
  /** How far it has come, a few times a second. */
  onProgress?(evidence: Evidence, doing: string): void;
  /** Called with what heals the fault that is made, and without it when it is healed. */
  onOpenFault?(heal: (() => Promise<unknown>) | undefined): void;
}

const readyWithinMs = 120_000;
const removedAtOnce = 100;
const progressEveryMs = 500;
/** What is in order is let go after this: longer than anything that comes late. */
const keepMs = 600_000;

/**
 * Sends products through a lab and makes faults, round after round; then heals, drains and counts. The lab must be up.
 *
 * @throws UserError where the lab is not whole before the first fault, or products don't flow
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { scene, seed, signal, say } = options;
  const startMs = Date.now();
  let doing = "waiting for the lab and its first products";
  let seen: Evidence | undefined;
  const progress = setInterval(() => seen && options.onProgress?.(seen, doing), progressEveryMs);
  let rounds: RoundRecord[] = [];
  try {
    const { evidence, deliveries } = await countProducts(options, {
      async ready(counting) {
        seen = counting.evidence;
        const missing = await awaitHealed(scene, { withinMs: readyWithinMs, signal, queue: tapQueue });
        if (missing !== undefined)
          throw new UserError(`lab ${scene.lab}`, `is not whole: ${missing}`, "look at its hosts");
      },
      async work({ evidence, deliveries }) {
        rounds = await makeRounds(options, evidence, {
          look: () => deliveries.look(),
          tell: (text) => (doing = text),
          clear: () => letGo(scene, evidence, deliveries.remove),
        });
        if (rounds.some(({ missing }) => missing !== undefined)) await healAll(scene);
        doing = "no more products; waiting for the last ones";
      },
    });
    const counted = account(evidence, rounds);
    await clear(scene, evidence.products, counted, deliveries.remove);
    return { seed, rounds, account: counted, seconds: (Date.now() - startMs) / 1000 };
  } finally {
    clearInterval(progress);
    await removeTapQueue(
      brokerUrl(scene.config, onlooker(scene.config).user),
      (await brokerTrust(scene.lab, scene.config)).ca,
    ).catch((error: Error) => say(`the tap's queue is left on the broker: ${error.message}`));
  }
}

interface Aids {
  look(): Promise<void>;
  tell(doing: string): void;
  /** Deletes what is counted and old. */
  clear(): Promise<void>;
}

async function makeRounds(options: ChaosOptions, evidence: Evidence, aids: Aids): Promise<RoundRecord[]> {
  const { seed, faults, signal, say, durationMs } = options;
  const endMs = Date.now() + durationMs;
  const rounds: RoundRecord[] = [];
  const givenUp = new Set<string>();
  for (const planned of planRounds(seed, faults)) {
    if (signal.aborted || planned.number > options.rounds || Date.now() >= endMs) break;
    const fault = faults.find(({ name }) => name === planned.fault);
    if (!fault) continue;
    const record = await makeRound({ ...options, ...aids, evidence, fault, planned, givenUp });
    if (record === undefined) break;
    rounds.push(record);
    say(describeRound(record));
    evidence.forgetNotifies(record.wholeMs);
    await aids.clear();
  }
  return rounds;
}

/** Products that are in order for long make room, in the folders and in memory. */
async function letGo(
  scene: Scene,
  evidence: Evidence,
  remove: (record: ProductRecord) => Promise<void>,
): Promise<void> {
  for (const record of evidence.retire(Date.now() - keepMs)) {
    await remove(record);
    await removeCopies(scene, record);
  }
}

/** Takes the run's files away, save those of products that a person will want to look at. */
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
