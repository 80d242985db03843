import type { QueueType } from "../../agents/lib/config.ts";
import { type BenchSteps, cleanly } from "./cleanly.ts";
import { type LatencyPlan, measureLatency } from "./latency.ts";
import { measureMemory } from "./memory.ts";
import { type Move, moveByDispatcher, moveByShovel } from "./move.ts";
import type { BenchResult } from "./report.ts";
import { pullQueue, type Stage, setStage, targetQueue } from "./stage.ts";

/** Size of the measurement. */
export interface BenchPlan {
  readonly queueType: QueueType;
  readonly products: number;
  readonly rounds: number;
  readonly latency: LatencyPlan;
  /** Numbers of names in the table, ascending. */
  readonly names: readonly number[];
  /** Products sent to measure the cost of one, if the names came from a journal. */
  readonly productsPerNames: number;
}

export const fullPlan: Omit<BenchPlan, "queueType"> = {
  products: 100_000,
  rounds: 3,
  latency: { announcementsPerSecond: 50, seconds: 20, warmUpSeconds: 2, silences: 6, silenceSeconds: 10 },
  names: [10_000, 100_000, 1_000_000],
  productsPerNames: 20_000,
};

/** Only to test the bench: its figures mean little. */
export const quickPlan: Omit<BenchPlan, "queueType"> = {
  products: 2000,
  rounds: 1,
  latency: { announcementsPerSecond: 50, seconds: 2, warmUpSeconds: 1, silences: 2, silenceSeconds: 1 },
  names: [1000, 10_000],
  productsPerNames: 500,
};

export interface BenchOptions extends BenchSteps {
  readonly plan: BenchPlan;
}

/**
 * Measures shovel and dispatcher on one broker, in alternating order, so that neither always gets the warm broker. Broker, dispatchers and
 * folders are removed before it resolves or rejects.
 */
export function runBench({ plan, signal, onStep }: BenchOptions): Promise<BenchResult> {
  return cleanly(signal, async (cleanup) => {
    const stage = await setStage({ queueType: plan.queueType, signal, onStep }, cleanup);
    const { shovel, dispatcher } = await measureThroughput(stage, plan);
    const latency = await measureLatency(stage, plan.latency);
    const memory = await measureMemory(stage, plan.names, plan.productsPerNames);
    const { products, queueType } = plan;
    const brokerVersion = stage.broker.version;
    return { brokerVersion, queueType, products, latencyPlan: plan.latency, shovel, dispatcher, latency, memory };
  });
}

async function measureThroughput(stage: Stage, { products, rounds }: BenchPlan) {
  const moves: { readonly shovel: Move[]; readonly dispatcher: Move[] } = { shovel: [], dispatcher: [] };
  for (let round = 1; round <= rounds; round++) {
    const order = round % 2 === 1 ? (["shovel", "dispatcher"] as const) : (["dispatcher", "shovel"] as const);
    for (const who of order) {
      stage.signal.throwIfAborted();
      stage.onStep(`round ${round} of ${rounds}: ${2 * products} announcements through the ${who}`);
      const run = `${who}-${round}`;
      const move = await (who === "shovel"
        ? moveByShovel(stage, run, products)
        : moveByDispatcher(stage, run, products));
      stage.onStep(`  ${Math.round(move.announcementsPerSecond)} announcements/s`);
      moves[who].push(move);
      for (const queue of [targetQueue, pullQueue]) await stage.admin.purgeQueue(queue);
    }
  }
  return moves;
}
