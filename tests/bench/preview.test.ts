import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { formatPreviewBench, type PreviewResult, summarisePreview } from "./preview-report.ts";
import { formatSimulated } from "./simulated-report.ts";
import { TreeUsage } from "./tree-usage.ts";

const run = (seconds: number, engine: number) => ({
  seconds,
  cpuSeconds: { engine, program: 2, plugins: 1.25, ssh: 0.1 },
});

const result: PreviewResult = {
  ...{ stack: "lab", hosts: 13, resources: 423, stateBytes: 3_360_919 },
  preview: [run(7, 2), run(9, 3), run(7.5, 2.5)],
  up: [run(10, 3)],
};

test("medians are shown, with the range", () => {
  expect(summarisePreview(result).preview).toEqual({
    seconds: { median: 7.5, least: 7, most: 9 },
    cpuSeconds: { engine: 2.5, program: 2, plugins: 1.25, ssh: 0.1 },
  });
  const text = formatPreviewBench(result);
  expect(text).toContain("stack lab: 13 hosts, 423 resources, 3361 kB of state");
  expect(text).toMatch(/preview, no change +7\.5 s +7\.0 to 9\.0 s +2\.5 s +2\.0 s +1\.3 s +0\.1 s/);
});

test("simulated hosts have a row for each run, also where the first up is left out", () => {
  const measured = {
    hosts: 100,
    resources: 3001,
    stateBytes: 16_000_000,
    runs: { preview: run(20, 9), setting: run(40, 20) },
  };
  const lines = formatSimulated([{ ...measured, hosts: 13, runs: { "first up": run(60, 30) } }, measured]).split("\n");
  expect(lines.filter((line) => / s$/.test(line)).map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["13", "3001", "16000 kB", "first up", "60.0 s", "30.0 s", "2.0 s", "1.3 s"],
    ["100", "3001", "16000 kB", "preview", "20.0 s", "9.0 s", "2.0 s", "1.3 s"],
    ["setting", "40.0 s", "20.0 s", "2.0 s", "1.3 s"],
  ]);
});

test("processor time is that of a process and its descendants, by what they run", async () => {
  // The parent is busy until it is killed, so it never waits for its child. The child's argument makes it a plugin.
  const busy = "for(;;);";
  const busyFor = "while(process.cpuUsage().user<5e5);";
  const child = `require("node:child_process").spawn(process.execPath,["-e",${JSON.stringify(busyFor)},"pulumi-resource-x"])`;
  const root = spawn(process.execPath, ["-e", `${child}.once("spawn",()=>{${busy}})`], { detached: true });
  const usage = new TreeUsage(root.pid ?? 0);
  try {
    await expect.poll(() => Math.min(usage.seconds.engine, usage.seconds.plugins)).toBeGreaterThan(0.2);
    expect(usage.seconds).toMatchObject({ program: 0, ssh: 0 });
    // Also after the child has ended.
    await expect.poll(() => usage.seconds.engine, { timeout: 20_000 }).toBeGreaterThan(1.5);
    expect(usage.seconds.plugins).toBeGreaterThan(0.2);
  } finally {
    usage.stop();
    process.kill(-(root.pid ?? 0), "SIGKILL");
  }
  await once(root, "close");
});
