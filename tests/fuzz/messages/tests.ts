import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type LocalBroker, startLocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { formatFuzzReport } from "../report.ts";
import { messageRunners } from "./subjects.ts";

const agentOf = (name: string): string =>
  name.replace(/-(input|ledger|queue|peers|answers|names|v00|v02|v03|exp)$/, "");
const inputsOf = (agent: string): number => messageRunners.filter(({ name }) => agentOf(name) === agent).length;

/**
 * One test for each agent's input and seed, all with one broker.
 * @param perAgent messages of each agent and seed in all: a bridge has four sources, the dispatcher and the puller several inputs
 */
export function testMessages(seeds: readonly number[], perAgent: number): void {
  // Seconds each on a machine that does nothing else.
  vi.setConfig({ testTimeout: 300_000 });
  let broker: LocalBroker;
  beforeAll(async () => {
    broker = await startLocalBroker();
  });
  afterAll(() => broker?.stop());

  for (const { name, run } of messageRunners) {
    for (const seed of seeds) {
      test(`${name} comes through hostile input of seed ${seed}`, async () => {
        const count = Math.ceil(perAgent / inputsOf(agentOf(name)));
        const signal = new AbortController().signal;
        const report = await run(broker, { seed, count, signal, progress: () => {} });
        process.stdout.write(formatFuzzReport(report, false));
        expect(report.findings).toEqual([]);
        expect(report.cameOut).toBeGreaterThanOrEqual(report.valid);
      });
    }
  }
}
