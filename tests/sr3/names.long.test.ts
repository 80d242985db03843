import { expect, test } from "vitest";
import { sharedBroker } from "../rigs/shared-broker.ts";
import { runClients } from "./client-run.ts";
import { runSource } from "./source-run.ts";
import { Stage } from "./stage.ts";

// The real sr3 from PyPI, which seldom changes. `sr3.long.test.ts` runs its other programs and formats, with more files.

const count = 27;

test("sr3's watch reaches our puller, and our watcher reaches sr3's subscribers, with names of every kind", async () => {
  const broker = await sharedBroker();
  const stages = await Promise.all([Stage.open(broker), Stage.open(broker)]);
  try {
    const [source, clients] = await Promise.all([
      runSource(stages[0], { component: "watch", format: "v02", count }),
      runClients(stages[1], { sources: ["watcher"], winnow: false, count }),
    ]);
    const complete = { posted: count, heard: count, setAside: {}, missing: [] };
    expect([source, ...clients]).toMatchObject([{ ...complete, repeated: 0 }, complete, complete]);
    expect(source.passedOver).toBeGreaterThan(0);
  } finally {
    for (const stage of stages) await stage.close();
  }
});
