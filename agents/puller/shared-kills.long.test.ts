import { statSync, watch } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import type { AgentProcess } from "../../tests/rigs/agent-process.ts";
import { Bench } from "../../tests/rigs/agents-bench.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";

const chosen = seededChoices();

// Five pullers share one queue, and one is killed in the middle of each round. Not proved here: that nothing is placed twice if
// its file is removed at once, which is in peers-kills.broker.test.ts; and a power loss.

const names = ["a", "b", "c", "d", "e"] as const;
type Name = (typeof names)[number];
/** Each puller is killed in every fifth. */
const roundsCount = 20;
const productsPerRound = 100;
const fileBytes = 10_000;
/** Long enough that no puller on a busy machine is considered dead. */
const patient = { peersWaitMs: 600_000 };

let broker: LocalBroker;
let bench: Bench;
let pullers: Map<Name, AgentProcess>;
let stopWatching: (() => void)[];
/** Sizes that files had under their own names. */
let sizes: Set<number>;
let placed: Set<string>;
let onPlaced: () => void;

beforeAll(async () => {
  broker = await sharedBroker();
});
beforeEach(async () => {
  bench = new Bench(broker, 1);
  bench.urp1.contentOf = (file) => Buffer.alloc(fileBytes, `${file} `);
  await bench.open();
  pullers = new Map();
  for (const name of names) pullers.set(name, await bench.startPuller(name, patient));
  sizes = new Set();
  placed = new Set();
  onPlaced = () => {};
  stopWatching = names.map(watchFolder);
});
afterEach(async () => {
  for (const stop of stopWatching) stop();
  await bench.close();
});

function watchFolder(name: Name): () => void {
  const folder = bench.folderOf(name);
  const watcher = watch(folder, (_, file) => {
    if (file === null || file.startsWith(".")) return;
    sizes.add(statSync(join(folder, file)).size);
    placed.add(file);
    onPlaced();
  });
  return () => watcher.close();
}

/** Resolves once this many products are placed. */
async function untilPlaced(count: number): Promise<void> {
  while (placed.size < count) {
    await new Promise<void>((resolve) => {
      onPlaced = resolve;
    });
  }
}

test("five pullers over 2,000 products, one of them killed in each of 20 rounds: each product is there, complete and once, and never in part", async () => {
  for (let round = 0; round < roundsCount; round += 1) {
    const victim = pullers.get(names[round % names.length] ?? "a");
    const before = round * productsPerRound;
    // Not before it has restarted after its last kill.
    await expect.poll(() => victim?.pid, { timeout: 60_000 }).toBeDefined();
    await victim?.ready();
    const killAt = before + 1 + Math.floor(chosen(productsPerRound / 2));
    const killed = untilPlaced(killAt).then(() => victim?.kill());
    const announced = Array.from({ length: productsPerRound }, (_, count) => `p${before + count}`);
    await Promise.all(announced.map((product) => bench.announce("notify", bench.urp1, product)));
    await killed;
    await untilPlaced(before + productsPerRound);
  }
  await expect.poll(() => bench.pullQueueLength(), { timeout: 120_000, interval: 100 }).toBe(0);
  const products = bench.products.map(({ product }) => product);
  expect(new Set(products).size).toBe(roundsCount * productsPerRound);
  expect(products.length, "placed twice").toBe(roundsCount * productsPerRound);
  expect([...sizes]).toEqual([fileBytes]);
  console.info(`pullers killed ${roundsCount} times over ${placed.size} products: 0 lost, 0 repeated`);
}, 600_000);
