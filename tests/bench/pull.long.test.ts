import { expect, test } from "vitest";
import { expectAborted } from "./broken-off.ts";
import { ownTemporaryFolder } from "./own-folder.ts";
import { quickPullPlan } from "./pull-plan.ts";
import { summarisePull } from "./pull-report.ts";
import { runPullBench } from "./pull-run.ts";

// The figures of such a small run mean nothing. This tests that all figures are present and every file is compared.

const busyMachineMs = 300_000;
const folders = ownTemporaryFolder();

test(
  "curl, pullers and sr3 fetch all files with each prefetch, and every figure is present",
  async () => {
    const steps: string[] = [];
    const plan = { ...quickPullPlan, rounds: 2, prefetches: [1, 4] };
    const signal = new AbortController().signal;
    const onStep = (text: string) => void steps.push(text);
    const { byPrefetch, server, ...slow } = summarisePull(
      await runPullBench({ plan, besideSr3: true, signal, onStep }),
    );
    expect(server).toMatch(/^(nginx|Node) /);
    for (const figure of Object.values(slow)) expect(figure).toBeGreaterThan(0);
    expect(slow.slowFilesPerSecond).toBeLessThanOrEqual(slow.slowAllowedPerSecond);
    for (const prefetch of ["1", "4"]) {
      const { bare, sr3, ...figures } = byPrefetch[prefetch] ?? {};
      for (const figure of [bare?.filesPerSecond, ...Object.values(sr3 ?? {}), ...Object.values(figures)])
        expect(figure).toBeGreaterThan(0);
    }
    expect(steps.filter((step) => step.includes(", round "))).toHaveLength(16);
    expect(folders()).toEqual([]);
  },
  busyMachineMs,
);

test(
  "after an abort it leaves nothing behind",
  async () => {
    await expectAborted("40 files", (options) => runPullBench({ plan: quickPullPlan, ...options }));
    expect(folders()).toEqual([]);
  },
  busyMachineMs,
);
