import { rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { brokerTrust, brokerUrl } from "../../scripts/lab/send-products.ts";
import { pause } from "../../scripts/lib/poll.ts";
import { type Account, account, type ChaosResult, type RoundRecord } from "./account.ts";
import { auditedSince, readAudited } from "./audited.ts";
import { countProducts } from "./count.ts";
import type { Evidence, ProductRecord } from "./evidence.ts";
import type { Fault } from "./faults.ts";
import { healAll } from "./heal.ts";
import { awaitHealed } from "./healed.ts";
import { heldForPage, type PageWatch } from "./page-watch.ts";
import { planRounds } from "./plan.ts";
import { describeRound } from "./report.ts";
import { makeRound } from "./round.ts";
import { type Scene, tapUser } from "./scene.ts";
import { removeTapQueue, tapQueue } from "./tap.ts";

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
  /** With it, each fault is held until the live page has to show it, and the next one waits until the page is right again. */
  readonly page?: PageWatch | undefined;
  /** Prints a line for the operator. */
  say(text: string): void;
  /** Reports progress, a few times a second. */
  onProgress?(evidence: Evidence, doing: string): void;
  /** Called with a function that heals the injected fault, and with undefined when it is healed. */
  onOpenFault?(heal: (() => Promise<unknown>) | undefined): void;
}

const readyWithinMs = 120_000;
const removedAtOnce = 100;
const progressEveryMs = 500;
const clearEveryMs = 10_000;
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
  let doing = "waiting for the lab and its first products";
  let seen: Evidence | undefined;
  const progress = setInterval(() => seen && options.onProgress?.(seen, doing), progressEveryMs);
  let rounds: RoundRecord[] = [];
  const auditedBefore = await readAudited(scene);
  try {
    const { evidence, deliveries } = await countProducts(options, {
      async ready(counting) {
        seen = counting.evidence;
        const missing = await awaitHealed(scene, { withinMs: readyWithinMs, signal, queue: tapQueue });
        if (missing !== undefined)
          throw new UserError(`lab ${scene.lab}`, `is not healthy: ${missing}`, `./warren status -s ${scene.lab}`);
      },
      async work({ evidence, deliveries }) {
        rounds = await makeRounds(options, evidence, {
          scan: () => deliveries.scan(),
          show: (text) => (doing = text),
          clear: () => retire(scene, evidence, deliveries.remove),
        });
        if (rounds.some(({ missing }) => missing !== undefined)) await healAll(scene);
        doing = "no new products; waiting for the last ones";
      },
    });
    const counted = account(evidence, rounds);
    await clear(scene, evidence.products, counted, deliveries.remove);
    const audited = auditedSince(auditedBefore, await readAudited(scene));
    const seconds = (Date.now() - startMs) / 1000;
    return { seed, rounds, account: counted, audited, pageWrong: options.page?.wrong, seconds };
  } finally {
    clearInterval(progress);
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
  const { seed, faults, signal, page, say, durationMs } = options;
  const endMs = Date.now() + durationMs;
  const rounds: RoundRecord[] = [];
  if (faults.length === 0) {
    callbacks.show("no faults");
    while (Date.now() < endMs && !signal.aborted) {
      await pause(Math.min(clearEveryMs, endMs - Date.now()), signal);
      evidence.forgetNotifies(Date.now());
      await callbacks.clear();
    }
    return rounds;
  }
  const givenUp = new Set<string>();
  for (const planned of planRounds(seed, faults)) {
    if (signal.aborted || planned.number > options.rounds || Date.now() >= endMs) break;
    const fault = faults.find(({ name }) => name === planned.fault);
    if (!fault) continue;
    const held = page ? heldForPage(fault, planned) : planned;
    const made = await makeRound({ ...options, ...callbacks, evidence, fault, planned: held, givenUp });
    if (made === undefined) break;
    if (page) callbacks.show(`round ${planned.number}, ${fault.name}, recovered: waiting for the live page`);
    const record = page ? { ...made, page: await page.settle(fault, made, signal) } : made;
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
