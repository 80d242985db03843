import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runRecord } from "../../engine/run-record.ts";
import { type Progress, progressSchema, readProgress } from "./progress.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-restore-"));
});
afterEach(() => rm(folder, { recursive: true }));

const begun: Progress = {
  backup: "abc",
  file: "/b/op.backup",
  mode: "bare",
  startedAt: "2026-01-02T03:04:05Z",
  done: ["state"],
};

it("continues a restore from the same backup, and refuses another backup", async () => {
  const record = runRecord("restore", "op", progressSchema, join(folder, "op.restore.json"));
  expect(await readProgress(record, "abc")).toBeUndefined();
  await record.write(begun);
  expect(await readProgress(record, "abc")).toEqual(begun);
  await expect(readProgress(record, "def")).rejects.toMatchObject({
    message: "a restore from another backup, started 2026-01-02T03:04:05Z, was interrupted",
    remedy: expect.stringContaining("--from /b/op.backup"),
  });
});
