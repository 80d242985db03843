import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import * as z from "zod";
import { forgetRuns, runRecord, runSteps } from "./run-record.ts";

const schema = z.object({ done: z.array(z.string()) });
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "warren-runs-"));
});
afterEach(() => rm(folder, { recursive: true }));

const recordOf = (verb: string) => runRecord(verb, "op", schema, path.join(folder, `op.${verb}.json`));

it("exists from its first write until it is removed, separately for each verb", async () => {
  const record = recordOf("restart");
  expect(await record.read()).toBeUndefined();
  await record.write({ done: ["a"] });
  await record.write({ done: ["a", "b"] });
  expect(await record.read()).toEqual({ done: ["a", "b"] });
  expect(await recordOf("restore").read()).toBeUndefined();
  await record.remove();
  await record.remove();
  expect(await record.read()).toBeUndefined();
});

it.each(["{", '{"done": 1}'])("is refused, with its path, if it contains %s", async (text) => {
  await writeFile(path.join(folder, "op.restart.json"), text);
  await expect(recordOf("restart").read()).rejects.toThrow(/is not what restart writes there/);
});

it("an interrupted run continues with its step, and leaves nothing behind at its end", async () => {
  const record = recordOf("restore");
  const ran: string[] = [];
  const run = (breaksAt?: string) => async (step: string) => {
    if (step === breaksAt) throw new Error("killed");
    ran.push(step);
  };
  const steps = ["a", "b", "c", "d"];
  await expect(runSteps(record, { done: [] }, steps, run("c"))).rejects.toThrow("killed");
  expect(await record.read()).toEqual({ done: ["a", "b"] });
  await expect(runSteps(record, (await record.read()) ?? { done: [] }, steps, run("d"))).rejects.toThrow("killed");
  await runSteps(record, (await record.read()) ?? { done: [] }, steps, run());
  expect(ran).toEqual(steps);
  expect(await readdir(folder)).toEqual([]);
});

it("is removed with its hosts; another stack's record and a lock stay", async () => {
  const others = ["op.lock", "op2.rotate.json"];
  for (const name of ["op.rotate.json", "op.rotate.yaml", "op.member-replace.json", ...others]) {
    await writeFile(path.join(folder, name), "");
  }
  await forgetRuns("op", path.join(folder, "op.lock"));
  expect((await readdir(folder)).sort()).toEqual(others);
  await forgetRuns("op", path.join(folder, "nowhere/op.lock"));
});
