import { expect, test } from "vitest";
import { quickChainPlan } from "./chain-plan.ts";
import { formatChainBench, summariseChain } from "./chain-report.ts";
import { runChainBench } from "./chain-run.ts";

// The times of such a small run mean nothing. This tests that everything is measured, and the messages of a product, which no speed changes.

const busyMachineMs = 300_000;
/** Receipts under way at the end, and the tap's last ones, for each of forty products. messages-a-product.broker.test.ts counts exactly. */
const besides = 1;

test(
  "each agent and the broker are measured; a product costs three messages to the broker, four from it, and a receipt at most each way, besides the tap's",
  async () => {
    const result = await runChainBench({
      plan: quickChainPlan,
      signal: new AbortController().signal,
      onStep: () => {},
    });
    const [burst] = result.measured;
    if (!burst) throw new Error("nothing was measured");
    const counted = `${burst.received} to the broker, ${burst.delivered} from it`;
    expect(Math.abs(burst.received - 3.5), counted).toBeLessThan(0.5 + besides);
    expect(Math.abs(burst.delivered - 4.5), counted).toBeLessThan(0.5 + besides);
    for (const value of [...Object.values(burst.cpuMs), ...Object.values(burst.residentBytes)])
      expect(value).toBeGreaterThan(0);
    expect(summariseChain(result)).toMatchObject({ burst: { products: 40 } });
    expect(formatChainBench(result)).toMatch(/messages to the broker +[3-5]\.\d\d\n/);
  },
  busyMachineMs,
);
