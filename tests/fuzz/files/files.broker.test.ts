import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalBroker, startLocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { fixedSeeds } from "../seeds.ts";
import { fileRunners, fileSubjects } from "./subjects.ts";

// A file costs a hundred times what a message costs, and one that is delivered ten times that: fewer are tried here than of messages.
// `./warren fuzz announcer --count 100000` tries as many as there is time for.
const filesCount = 500;
const deliveredCount = 100;
const runs = fixedSeeds.flatMap((seed) => fileRunners.map((runner) => ({ ...runner, seed })));

let broker: LocalBroker;

beforeAll(async () => {
  broker = await startLocalBroker();
});
afterAll(() => broker?.stop());

test.each(runs)(
  "$name goes on over hostile files of seed $seed, follows no link, and says what it refuses",
  async ({ run, seed }) => {
    const { signal } = new AbortController();
    const report = await run(broker, { seed, count: filesCount, signal, progress: () => {} });
    expect(report.findings).toEqual([]);
  },
);

test.each(fileSubjects.slice(fileRunners.length))(
  "$name delivers what is a file of its queue, and nothing else",
  async ({ run }) => {
    const { signal } = new AbortController();
    const report = await run({ seed: 1, count: deliveredCount, signal, progress: () => {} });
    expect(report.findings).toEqual([]);
  },
);
