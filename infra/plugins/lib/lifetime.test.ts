import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundlePlugin } from "./bundle.ts";

let folder: string;
let bundle: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-lifetime-"));
  bundle = join(folder, "command.cjs");
  await bundlePlugin(join(import.meta.dirname, "../command/main.ts"), bundle);
});
afterAll(() => rm(folder, { recursive: true }));

it("a plugin exits when the engine that started it is killed", async () => {
  const engine = spawn("sh", ["-c", `"$1" "$2" & echo pid $!; wait`, "sh", process.execPath, bundle]);
  const lines: string[] = [];
  for await (const line of createInterface(engine.stdout)) {
    lines.push(line);
    if (lines.length === 2) break; // its id and its port, in whichever order
  }
  const pid = lines.find((line) => line.startsWith("pid "))?.slice(4);
  expect(await runs(Number(pid))).toBe(true);
  engine.kill("SIGKILL");
  await expect.poll(() => runs(Number(pid)), { timeout: 5000 }).toBe(false);
});

it("a plugin exits at SIGTERM", async () => {
  const plugin = spawn(process.execPath, [bundle]);
  await once(plugin.stdout, "data");
  plugin.kill("SIGTERM");
  expect(await once(plugin, "exit")).toEqual([0, null]);
});

/** A zombie process counts as ended. */
async function runs(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return !status.slice(status.lastIndexOf(")")).startsWith(") Z");
}
