import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../agents/lib/errors.ts";
import { scanV00 } from "../../agents/lib/scan-v00.ts";
import { announce } from "./move.ts";
import { keyOf, sources } from "./pairs.ts";
import { pullQueue, type Stage } from "./stage.ts";

export interface LatencyPlan {
  readonly announcementsPerSecond: number;
  readonly seconds: number;
  /** Warm-up before the measurement. */
  readonly warmUpSeconds: number;
  readonly silences: number;
  readonly silenceSeconds: number;
}

export interface LatencyResult {
  /** Milliseconds from announcement to notification, for every product. */
  readonly steadyMs: readonly number[];
  readonly afterSilenceMs: readonly number[];
}

const lateAfterMs = 60_000;

/** Latency from a product's first announcement to the reader of the output queue, both in this process. */
export async function measureLatency(stage: Stage, plan: LatencyPlan): Promise<LatencyResult> {
  const { signal } = stage;
  const dispatcher = await stage.startDispatcher("latency");
  const clock = new ArrivalClock(stage);
  try {
    await clock.steady("warm", plan.announcementsPerSecond, plan.warmUpSeconds);
    stage.onStep(`${plan.announcementsPerSecond} announcements per second for ${plan.seconds} s`);
    const steadyMs = await clock.steady("steady", plan.announcementsPerSecond, plan.seconds);
    stage.onStep(`single announcements after ${plan.silenceSeconds} s of silence, ${plan.silences} times`);
    const afterSilenceMs: number[] = [];
    for (let product = 0; product < plan.silences; product++) {
      await sleep(plan.silenceSeconds * 1000, undefined, { signal });
      afterSilenceMs.push(await clock.announce("silence", product));
    }
    return { steadyMs, afterSilenceMs };
  } finally {
    await clock.stop();
    await dispatcher.stop();
  }
}

class ArrivalClock {
  readonly #stage: Stage;
  readonly #waiting = new Map<string, () => void>();
  readonly #subscription;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#subscription = stage.reading.subscribe({
      queue: pullQueue,
      prefetch: 100,
      onDelivery: (delivery) => {
        delivery.ack();
        this.#waiting.get(scanV00(delivery.body)?.key ?? "")?.();
      },
    });
  }

  /** Milliseconds until the product's notification arrives. */
  announce(run: string, product: number): Promise<number> {
    const key = keyOf(run, product);
    const arrived = Promise.withResolvers<number>();
    const late = setTimeout(() => {
      arrived.reject(new UserError("bench", `product ${product} was not dispatched within ${lateAfterMs} ms`));
    }, lateAfterMs);
    const sentMs = performance.now();
    this.#waiting.set(key, () => {
      arrived.resolve(performance.now() - sentMs);
      this.#waiting.delete(key);
      clearTimeout(late);
    });
    announce(this.#stage.announcing, run, product);
    return arrived.promise;
  }

  /** Announces at this rate, each product from both sources, the second one step behind. */
  async steady(run: string, announcementsPerSecond: number, seconds: number): Promise<number[]> {
    const products = Math.ceil((announcementsPerSecond * seconds) / sources.length);
    const stepMs = 1000 / announcementsPerSecond;
    const arrivals: Promise<number>[] = [];
    const startMs = performance.now();
    const step = async (at: number): Promise<void> => {
      const restMs = startMs + at * stepMs - performance.now();
      if (restMs > 0) await sleep(restMs, undefined, { signal: this.#stage.signal });
    };
    for (let product = 0; product < products; product++) {
      await step(2 * product);
      const arrival = this.announce(run, product);
      // Awaited below, in order. This avoids an unhandled rejection meanwhile.
      arrival.catch(() => {});
      arrivals.push(arrival);
      await step(2 * product + 1);
      announce(this.#stage.announcing, run, product, sources[1]);
    }
    return Promise.all(arrivals);
  }

  async stop(): Promise<void> {
    await this.#stage.reading.unsubscribe(this.#subscription);
  }
}
