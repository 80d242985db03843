import { expect, test } from "vitest";
import { expectBrokenOff } from "./broken-off.ts";
import { ownTemporaryFolder } from "./own-folder.ts";
import { quickPullPlan } from "./pull-plan.ts";
import { summarisePull } from "./pull-report.ts";
import { runPullBench } from "./pull-run.ts";

// The figures of such a small run prove nothing; that they are all there, and every file compared, is what is looked at.

const busyMachineMs = 300_000;
const folders = ownTemporaryFolder();

test(
  "curl and pullers fetch everything from both servers, and every figure is there",
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
  "broken off, it leaves nothing behind",
  async () => {
    await expectBrokenOff("40 files", (options) => runPullBench({ plan: quickPullPlan, ...options }));
    expect(folders()).toEqual([]);
  },
  busyMachineMs,
);
