import { setTimeout as sleep } from "node:timers/promises";
import { it } from "vitest";
import { expectAllOnce, fewPerSecond, whileFlowing } from "./flowing.ts";
import { part } from "./one-lab.ts";

const hourMs = 3_600_000;
const withinMs = hourMs + 600_000;

/** An hour in which nothing fails. It comes before the parts that cause faults, so pages about latency budgets count as well. */
export function healthyHour(): void {
  part("an hour of healthy traffic", () => {
    it("every product arrives once, and no page fires", { timeout: withinMs + 60_000 }, async () => {
      const hour = { name: "an hour of health", keepsBudgets: true, act: () => sleep(hourMs) } as const;
      const account = await whileFlowing([hour], withinMs, fewPerSecond);
      expectAllOnce(account, { called: "an hour of health: products" });
    });
  });
}
