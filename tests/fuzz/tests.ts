import { beforeAll, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../rigs/shared-broker.ts";
import { formatFuzzReport } from "./report.ts";
import type { BrokerRunner, FuzzOptions, FuzzReport } from "./subject.ts";

/** Its report must have no findings: valid inputs come out, all others come out or are refused with a reason. */
export interface TestedSubject {
  readonly name: string;
  run(options: FuzzOptions): Promise<FuzzReport>;
}

/**
 * One test for each subject and seed.
 * @param countOf number of inputs for one subject
 * @param timeout milliseconds, for a busy machine; an idle one needs seconds
 */
export function testRuns(
  subjects: readonly TestedSubject[],
  seeds: readonly number[],
  countOf: (name: string) => number,
  timeout = 300_000,
): void {
  const runs = subjects.flatMap((subject) => seeds.map((seed) => ({ ...subject, seed, count: countOf(subject.name) })));
  test.each(runs)("$name: $count inputs of seed $seed", { timeout }, async ({ run, seed, count }) => {
    const report = await run({ seed, count, signal: new AbortController().signal, progress: () => {} });
    process.stdout.write(formatFuzzReport(report, false));
    expect(report.findings).toEqual([]);
    expect(report.cameOut).toBeGreaterThanOrEqual(report.valid);
  });
}

/** The same count for each agent: an agent with several subjects, like the bridge, divides it among them. */
export function perAgent(count: number, subjects: readonly TestedSubject[]): (name: string) => number {
  const agentOf = (name: string) => name.split("-")[0];
  return (name) => Math.ceil(count / subjects.filter((one) => agentOf(one.name) === agentOf(name)).length);
}

/** Call it once in a test file. @returns the same runners, with the broker that test files share */
export function onOneBroker(runners: readonly BrokerRunner[]): TestedSubject[] {
  let broker: LocalBroker;
  beforeAll(async () => {
    broker = await sharedBroker();
  });
  return runners.map(({ name, run }) => ({ name, run: (options) => run(broker, options) }));
}
