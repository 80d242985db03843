import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { runRecord } from "./run-record.ts";

const schema = z.object({ done: z.array(z.string()) });
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "warren-runs-"));
});
afterEach(() => rm(folder, { recursive: true }));

it("is there from its first writing until it is removed, each stack's and verb's apart", async () => {
  const record = runRecord("restart", "op", schema, folder);
  const other = runRecord("restart", "team/op", schema, folder);
  expect(await record.read()).toBeUndefined();
  await record.write({ done: ["a"] });
  await record.write({ done: ["a", "b"] });
  expect(await record.read()).toEqual({ done: ["a", "b"] });
  expect(await other.read()).toBeUndefined();
  await record.remove();
  await record.remove();
  expect(await record.read()).toBeUndefined();
});

it.each(["{", '{"done": 1}'])("is refused with its path where it is %s", async (text) => {
  await writeFile(path.join(folder, "op.restart.json"), text);
  await expect(runRecord("restart", "op", schema, folder).read()).rejects.toThrow(/is not what restart writes there/);
});
