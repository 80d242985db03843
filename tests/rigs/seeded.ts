import { afterEach } from "vitest";
import { seededRandom } from "../../scripts/traffic/random.ts";

const seedsMax = 2 ** 32;

/**
 * The random choices of a file of tests: a number from 0 to below the limit at each call. A test that fails prints their seed, and `WARREN_SEED` replays
 * them; what processes do in between it can't.
 */
export function seededChoices(): (limit: number) => number {
  const seed = Number(process.env.WARREN_SEED ?? Math.floor(Math.random() * seedsMax));
  const random = seededRandom(seed);
  afterEach(({ task }) => {
    if (task.result?.state === "fail")
      process.stderr.write(`${task.name}: WARREN_SEED=${seed} makes the same choices\n`);
  });
  return (limit) => (random.below(seedsMax) / seedsMax) * limit;
}
