import { expect, test } from "vitest";
import { runDeliverBench } from "./deliver-run.ts";

test("sftp and both senders deliver all files of a round, and leave nothing behind", { timeout: 300_000 }, async () => {
  const steps: string[] = [];
  const { signal } = new AbortController();
  const plan = { rounds: 1, files: 20, fileBytes: 1000 };
  const result = await runDeliverBench({ plan, signal, onStep: (text) => steps.push(text) });
  expect(steps).toEqual(["warming up", "round 1 of 1"]);
  expect(result.rounds).toHaveLength(1);
});
