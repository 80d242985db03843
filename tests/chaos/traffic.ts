import { pause } from "../../scripts/lib/poll.ts";
import { seededRandom } from "../../scripts/traffic/random.ts";
import { removeStaging, writeCopy } from "../../scripts/traffic/writer.ts";
import { type ChaosCopy, type ChaosProduct, makeProduct } from "./products.ts";

export interface TrafficOptions {
  readonly run: string;
  readonly seed: number;
  readonly ratePerSecond: number;
  /** The db tree of each URP, at its path in this process. */
  readonly roots: Readonly<Record<string, string>>;
  /** Called before the first copy is written. */
  onAttempt(product: ChaosProduct): void;
  /** Called when a copy is complete in its tree. */
  onWritten(product: ChaosProduct, copy: ChaosCopy): void;
}

export interface Traffic {
  /** Rejects if a copy can't be written. */
  readonly failed: Promise<never>;
  /** Stops new products. Writes the outstanding twins at once, then resolves. */
  stop(): Promise<void>;
}

const minuteMs = 60_000;

/** Writes products at a steady rate into the trees of both radar servers, until it is stopped. */
export function startTraffic(options: TrafficOptions): Traffic {
  const { run, seed, ratePerSecond, roots } = options;
  const random = seededRandom(seed);
  const urps = Object.keys(roots);
  const stopping = new AbortController();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const working = new Set<Promise<void>>();
  const startMs = Date.now();

  const write = async (product: ChaosProduct, copy: ChaosCopy): Promise<void> => {
    if (copy.lagMs > 0) await pause(copy.lagMs, stopping.signal);
    await writeCopy(copy, { roots, samples: new Map() });
    options.onWritten(product, copy);
  };
  const begin = (number: number): void => {
    const observed = new Date(startMs - (startMs % minuteMs) + Math.floor(number / ratePerSecond) * 1000);
    const product = makeProduct(run, number, { urps, observed, random });
    options.onAttempt(product);
    for (const copy of product.copies) {
      const work = write(product, copy)
        .catch((error: Error) => failure.reject(error))
        .finally(() => working.delete(work));
      working.add(work);
    }
  };
  const producing = (async () => {
    for (let number = 0; !stopping.signal.aborted; number += 1) {
      const waitMs = startMs + (number * 1000) / ratePerSecond - Date.now();
      if (waitMs > 0) await pause(waitMs, stopping.signal);
      if (!stopping.signal.aborted) begin(number);
    }
  })();
  return {
    failed: failure.promise,
    async stop() {
      stopping.abort();
      await producing;
      await Promise.all(working);
      await removeStaging(roots);
    },
  };
}
