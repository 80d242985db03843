import { expect, test } from "vitest";
import { expectAborted } from "./broken-off.ts";
import { ownTemporaryFolder } from "./own-folder.ts";
import { summarise } from "./report.ts";
import { type BenchPlan, quickPlan, runBench } from "./run.ts";

// The figures of such a small run mean nothing. This tests that all figures are present and every key is counted.

const plan: BenchPlan = {
  ...quickPlan,
  queueType: "classic",
  products: 300,
  latency: { announcementsPerSecond: 50, seconds: 1, warmUpSeconds: 0.2, silences: 1, silenceSeconds: 0.2 },
  names: [2000],
  productsPerNames: 100,
};

/** Takes about 12 s on an idle machine. */
const busyMachineMs = 600_000;

const folders = ownTemporaryFolder();

test.each(["classic", "quorum"] as const)(
  "with %s queues, shovel and dispatcher move all messages, and every figure is present",
  async (queueType) => {
    const steps: string[] = [];
    const result = await runBench({
      plan: { ...plan, queueType },
      signal: new AbortController().signal,
      onStep: (text) => steps.push(text),
    });
    const summary = summarise(result);
    const { bytesPerName, residentBytesPerName, bytesPerNameMeasured, ...figures } = summary;
    for (const figure of Object.values(figures)) expect(figure).toBeGreaterThan(0);
    expect([bytesPerName, residentBytesPerName], "too few names for a figure").toEqual([{}, null]);
    expect(result.memory.byNames.map(({ names }) => names)).toEqual([1000, 2000]);
    expect(bytesPerNameMeasured).toContain("live objects");
    expect(result.latency.steadyMs.length).toBe(25);
    expect(result.latency.afterSilenceMs.length).toBe(1);
    expect(result.dispatcher[0]?.dispatcherMicroseconds).toBeGreaterThan(0);
    expect(steps.filter((step) => step.startsWith("round 1 of 1"))).toHaveLength(2);
    expect(folders()).toEqual([]);
  },
  busyMachineMs,
);

test(
  "after an abort it leaves nothing behind",
  async () => {
    await expectAborted("round 1 of 1: 40000", (options) =>
      runBench({ plan: { ...plan, products: 20_000 }, ...options }),
    );
    expect(folders()).toEqual([]);
  },
  busyMachineMs,
);
