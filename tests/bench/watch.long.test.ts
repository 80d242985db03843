import { expect, test } from "vitest";
import { expectAborted } from "./broken-off.ts";
import { ownTemporaryFolder } from "./own-folder.ts";
import { quickWatchPlan } from "./watch-plan.ts";
import { summariseWatch } from "./watch-report.ts";
import { runWatchBench } from "./watch-run.ts";

// The rates of such a small run mean nothing. This tests that each file is counted.

const busyMachineMs = 300_000;
const folders = ownTemporaryFolder();

test(
  "a client of the broker gets an announcement of each file, and every figure is present",
  async () => {
    const result = await runWatchBench({
      plan: quickWatchPlan,
      signal: new AbortController().signal,
      onStep: () => {},
    });
    const { files, filesPerSecond, announcedPerSecond, lost, repeated } = summariseWatch(result);
    expect({ files, lost, repeated }).toEqual({ files: 1000, lost: 0, repeated: 0 });
    expect(filesPerSecond).toBeGreaterThan(0);
    expect(announcedPerSecond).toBeGreaterThan(0);
    expect(result.watcherMicroseconds).toBeGreaterThan(0);
    expect(folders()).toEqual([]);
  },
  busyMachineMs,
);

test(
  "after an abort it leaves nothing behind",
  async () => {
    await expectAborted("1000 files per second", (options) =>
      runWatchBench({ plan: { ...quickWatchPlan, seconds: 60 }, ...options }),
    );
    expect(folders()).toEqual([]);
  },
  busyMachineMs,
);
