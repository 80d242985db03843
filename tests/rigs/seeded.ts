import { afterEach } from "vitest";
import { seededRandom } from "../../scripts/traffic/random.ts";

const seedsMax = 2 ** 32;

/**
 * Random choices for a test file: an integer from 0 to below the limit at each call. A failed test prints the seed, and `WARREN_SEED`
 * replays the choices, but not the timing of processes.
 */
export function seededChoices(): (limit: number) => number {
  const seed = Number(process.env.WARREN_SEED ?? Math.floor(Math.random() * seedsMax));
  const random = seededRandom(seed);
  afterEach(({ task }) => {
    if (task.result?.state === "fail")
      process.stderr.write(`${task.name}: WARREN_SEED=${seed} repeats these choices\n`);
  });
  return (limit) => (random.below(seedsMax) / seedsMax) * limit;
}
