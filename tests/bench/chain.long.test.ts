import { expect, test } from "vitest";
import { quickChainPlan } from "./chain-plan.ts";
import { formatChainBench, summariseChain } from "./chain-report.ts";
import { runChainBench } from "./chain-run.ts";
import { ownTemporaryFolder } from "./own-folder.ts";

// The figures of such a small run mean nothing. `chain.broker.test.ts` tests those of warren's agents.

const busyMachineMs = 300_000;
const folders = ownTemporaryFolder();

test(
  "the real sr3 is measured beside warren's agents: each product arrives once, for three messages to the broker and three from it",
  async () => {
    const signal = new AbortController().signal;
    const result = await runChainBench({ plan: quickChainPlan, besideSr3: true, signal, onStep: () => {} });
    const sr3 = result.measured[0]?.sr3;
    expect(sr3).toMatchObject({ faults: 0, received: 3, delivered: 3 });
    for (const value of [...Object.values(sr3?.cpuMs ?? {}), ...Object.values(sr3?.residentBytes ?? {})])
      expect(value).toBeGreaterThan(0);
    expect(summariseChain(result)).toMatchObject({ burst: { faults: 0, sr3: { products: 40, faults: 0 } } });
    expect(formatChainBench(result)).toMatch(/messages from the broker +\d\.\d\d +3\.00 +\d\.\d\d\n/);
    expect(folders()).toEqual([]);
  },
  busyMachineMs,
);
