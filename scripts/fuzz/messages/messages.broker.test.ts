import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalBroker, startLocalBroker } from "../../lib/local-broker.ts";
import { formatFuzzReport } from "../report.ts";
import { fixedSeeds, randomSeed } from "../seeds.ts";
import { messageRunners } from "./subjects.ts";

// What is proved: these messages, on one broker without a cluster. Not proved: other seeds; what a message does after hours.

/** Of each agent in all; a bridge has four sources, the dispatcher and the puller two inputs each. */
const perAgent = 10_000;
const agentOf = (name: string): string =>
  name.replace(/-(input|ledger|queue|peers|answers|names|v00|v02|v03|exp)$/, "");
const inputsOf = (agent: string): number => messageRunners.filter(({ name }) => agentOf(name) === agent).length;

let broker: LocalBroker;
beforeAll(async () => {
  broker = await startLocalBroker();
});
afterAll(() => broker?.stop());

const seeds = [...fixedSeeds, randomSeed()];

for (const { name, run } of messageRunners) {
  for (const seed of seeds) {
    test(`${name} comes through hostile input of seed ${seed}`, async () => {
      const count = Math.ceil(perAgent / inputsOf(agentOf(name)) / seeds.length);
      const signal = new AbortController().signal;
      const report = await run(broker, { seed, count, signal, progress: () => {} });
      process.stdout.write(formatFuzzReport(report, false));
      expect(report.findings).toEqual([]);
      expect(report.cameOut).toBeGreaterThanOrEqual(report.valid);
    });
  }
}
