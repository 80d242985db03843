import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codecs } from "../../agents/lib/codecs.ts";
import { keyOf } from "./pairs.ts";
import { quickPullPlan } from "./pull-plan.ts";
import { PullProducts } from "./pull-products.ts";
import { formatPullBench, type PullResult, summarisePull } from "./pull-report.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-pull-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const pulling = (filesPerSecond: number) => ({
  ...{ filesPerSecond, pullerMicroseconds: 900.4, brokerMicroseconds: 400, residentBytes: 640 * 2 ** 20 },
});

const result: PullResult = {
  plan: { ...quickPullPlan, files: 2000 },
  pullers: 5,
  versions: { broker: "3.10.8", server: "nginx 1.22.1", curl: "7.88.1" },
  byPrefetch: [
    {
      prefetch: 1,
      byCurl: [1000, 3000, 2000],
      byPullers: [pulling(900), pulling(700), pulling(800)],
      byBare: [pulling(5000)],
      bySr3: [pulling(500)],
    },
  ],
  slowWaitedMs: 50.04,
  slowByCurl: 98.76,
  slowByPullers: pulling(95.04),
};

test("the ratio is that of the medians", () => {
  const figures = { pullerMicroseconds: 900, brokerMicroseconds: 400, residentMiB: 640 };
  expect(summarisePull(result)).toEqual({
    server: "nginx 1.22.1",
    byPrefetch: {
      "1": {
        ...{ ...figures, filesPerSecond: 800, curlPerSecond: 2000, ratio: 0.4 },
        bare: { ...figures, filesPerSecond: 5000 },
        sr3: { ...figures, filesPerSecond: 500 },
      },
    },
    slowFilesPerSecond: 95,
    slowAllowedPerSecond: 100,
    slowCurlPerSecond: 98.8,
    slowWaitedMs: 50,
  });
});

test("the table has every figure with its unit", () => {
  const lines = formatPullBench(result).split("\n");
  const row = (start: string) => lines.find((line) => line.startsWith(`  ${start}`));
  expect(row("5 pullers")).toMatch(/ 800 +900 µs +400 µs +640 MiB +900, 700, 800$/);
  expect(row("5 sr3 subscribe, prefetch 1")).toMatch(/ 500 +1\.60 +900 µs +400 µs +640 MiB +500$/);
  expect(row("5 bare consumers")).toMatch(/ 5000 +0\.16 +400 µs +5000$/);
  expect(row("curl ")).toMatch(/ 2000 +0\.40 +1000, 3000, 2000$/);
  expect(lines.at(-2)).toContain(
    "after 50 ms (measured: 50.0): 95.0 files/s of the 100 possible at prefetch 1; curl 98.8",
  );
});

test("missing, repeated or different files fail the bench", async () => {
  const root = join(folder, "htdocs");
  const products = await PullProducts.make(root, 2, 1000);
  const served = (product: number): string => {
    const parsed = codecs.v00.parse(products.announcementOf("r", product, "http://x/"));
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(parsed.value).toMatchObject({ key: keyOf("r", product), sizeBytes: 1000 });
    return parsed.value.relPath;
  };
  const folders = ["a", "b"].map((name) => join(folder, name));
  for (const each of folders) await mkdir(each);
  const [a = "", b = ""] = folders;
  const place = (product: number, into: string) =>
    copyFile(join(root, served(product)), join(into, served(product).split("/").at(-1) ?? ""));
  await place(0, a);
  await expect(products.check("x", 2, folders)).rejects.toThrow("1 are missing, 0 are repeated, 0 differ");
  await place(1, b);
  await products.check("x", 2, folders);
  await place(1, a);
  await expect(products.check("x", 2, folders)).rejects.toThrow("0 are missing, 1 are repeated, 0 differ");
  writeFileSync(join(a, served(1).split("/").at(-1) ?? ""), "half");
  await expect(products.check("x", 2, [a])).rejects.toThrow("0 are missing, 0 are repeated, 1 differ");
});
