import { expect, test } from "vitest";
import { expectBrokenOff } from "./broken-off.ts";
import { ownTemporaryFolder } from "./own-folder.ts";
import { quickWatchPlan } from "./watch-plan.ts";
import { summariseWatch } from "./watch-report.ts";
import { runWatchBench } from "./watch-run.ts";

// The rates of such a small run prove nothing; that each file is counted is what is looked at.

const busyMachineMs = 300_000;
const folders = ownTemporaryFolder();

test(
  "a client of the broker hears of each file that comes, and every figure is there",
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
  "broken off, it leaves nothing behind",
  async () => {
    await expectBrokenOff("1000 files a second", (options) =>
      runWatchBench({ plan: { ...quickWatchPlan, seconds: 60 }, ...options }),
    );
    expect(folders()).toEqual([]);
  },
  busyMachineMs,
);
