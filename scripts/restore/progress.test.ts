import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Progress, readProgress, runSteps, type StepName } from "./progress.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-restore-"));
  file = join(folder, "op.restore.json");
});
afterEach(() => rm(folder, { recursive: true }));

const begun: Progress = {
  backup: "abc",
  file: "/b/op.backup",
  mode: "bare",
  startedAt: "2026-01-02T03:04:05Z",
  done: [],
};

it("a restore that is broken off in a step goes on with that step, and leaves nothing behind when it is through", async () => {
  const ran: StepName[] = [];
  const breakIn = (at: StepName) => async (step: StepName) => {
    if (step === at) throw new Error("killed");
    ran.push(step);
  };
  await expect(runSteps(file, begun, breakIn("up"))).rejects.toThrow("killed");
  const first = await readProgress(file, "abc");
  expect(first).toEqual({ ...begun, done: ["state", "journals"] });
  await expect(runSteps(file, first ?? begun, breakIn("definitions"))).rejects.toThrow("killed");
  const second = await readProgress(file, "abc");
  await runSteps(file, second ?? begun, async (step) => void ran.push(step));
  expect(ran).toEqual(["state", "journals", "up", "definitions", "flow"]);
  expect(await readdir(folder)).toEqual([]);
  expect(await readProgress(file, "abc")).toBeUndefined();
});

it("another backup's half is not gone on with", async () => {
  await expect(runSteps(file, begun, () => Promise.reject(new Error("killed")))).rejects.toThrow();
  await expect(readProgress(file, "def")).rejects.toMatchObject({
    message: "one from another backup was broken off, begun 2026-01-02T03:04:05Z",
    remedy: expect.stringContaining("--from /b/op.backup"),
  });
});

it("what can't be read is named, with the remedy", async () => {
  await writeFile(file, "{");
  await expect(readProgress(file, "abc")).rejects.toMatchObject({ subject: file });
});
