import { expect, test } from "vitest";
import { codecs } from "../../agents/lib/codecs.ts";
import { FileCount } from "./watch-count.ts";
import { quickWatchPlan } from "./watch-plan.ts";
import { formatWatchBench, summariseWatch, type WatchResult } from "./watch-report.ts";
import { writtenPath } from "./watch-writer.ts";

const body = (tree: string, file: number): Buffer => {
  const announcement = {
    baseUrl: "http://dd1.weather.gc.ca/",
    relPath: `${tree}/${writtenPath(file, 7)}`,
    sizeBytes: 5,
  };
  const sum = { method: "md5", value: "a985c32cbdee8af2ab5d7b8f6022e781" } as const;
  const message = codecs.v02.format({ ...announcement, sum, pubTimeMs: 1_421_777_342_000 });
  if (!message.ok) throw new Error(message.reason);
  return message.value.body;
};

test("announced files are counted, without those of another tree; a second announcement is a repeat", async () => {
  const count = new FileCount();
  count.begin("measured", 3);
  for (const one of [body("measured", 0), body("warm", 1), body("measured", 2), body("measured", 2)]) count.add(one);
  expect(count.account).toMatchObject({ files: 3, lost: 1, repeated: 1 });
  expect(count.isComplete).toBe(false);
  count.add(body("measured", 1));
  await count.complete;
  expect(count.account).toMatchObject({ files: 3, lost: 0, repeated: 1 });
});

test("consecutive files are in different folders", () => {
  expect([0, 1, 2, 3].map((file) => writtenPath(file, 3))).toEqual([
    "f0/s0_e.xml",
    "f1/s1_e.xml",
    "f2/s2_e.xml",
    "f0/s3_e.xml",
  ]);
});

const result: WatchResult = {
  plan: quickWatchPlan,
  brokerVersion: "3.10.8",
  files: 50_000,
  lost: 0,
  repeated: 2,
  firstMs: 1000,
  lastMs: 6000,
  lastHeardMs: 11_000,
  rescans: 1,
  foundByRescan: 17,
  watcherMicroseconds: 99.6,
  brokerMicroseconds: 60,
};

test("rates start at the first file, the lag at the last", () => {
  expect(summariseWatch(result)).toEqual({
    ...{ files: 50_000, filesPerSecond: 10_000, announcedPerSecond: 5000, lagSeconds: 5 },
    ...{ lost: 0, repeated: 2, rescans: 1, foundByRescan: 17 },
  });
  const lines = formatWatchBench(result).split("\n");
  expect(lines.find((line) => line.includes("announced"))).toContain("5000 per second, the last 5.00 s after its file");
  expect(lines.find((line) => line.includes("scans of"))).toMatch(/1, which found 17 files$/);
  expect(lines.at(-2)).toContain("watcher 100 µs, broker 60 µs");
});
