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
  "curl and pullers fetch all files from both servers, and every figure is present",
  async () => {
    const steps: string[] = [];
    const plan = { ...quickPullPlan, rounds: 2 };
    const signal = new AbortController().signal;
    const result = await runPullBench({ plan, signal, onStep: (text) => void steps.push(text) });
    const { server, ...figures } = summarisePull(result);
    expect(server).toMatch(/^(nginx|Node) /);
    for (const figure of Object.values(figures)) expect(figure).toBeGreaterThan(0);
    expect(figures.slowFilesPerSecond).toBeLessThanOrEqual(figures.slowAllowedPerSecond);
    expect([result.byCurl.length, result.byPullers.length]).toEqual([2, 2]);
    expect(steps.filter((step) => step.startsWith("round "))).toHaveLength(4);
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
