import { expect, test } from "vitest";
import { firstObservationOf } from "../../scripts/traffic/names.ts";
import { planProducts } from "../../scripts/traffic/plan.ts";
import { loadSamples } from "../../scripts/traffic/samples.ts";
import { flowPds, flowUrps, runFlow, type Stage } from "../../tests/flow/run.ts";
import { mapOf } from "../../tests/page/scenarios.ts";
import { startPrometheus } from "../../tests/rigs/prometheus.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { PrometheusSource } from "./prometheus.ts";
import { type Range, ranges } from "./view.ts";

// Debian's Prometheus, which scrapes real agents while products flow: each query of the page is one that it understands, and has an answer.

/** Scrapes agents each second, with the labels that a monitor gives them. @returns its address */
function startScraping({ agents }: Pick<Stage, "agents">): Promise<string> {
  const targets = [...agents].map(([host, { metricsPort, spec }]) => ({
    targets: [`127.0.0.1:${metricsPort}`],
    labels: { host, agent: spec.agent },
  }));
  return startPrometheus({
    global: { scrape_interval: "1s" },
    scrape_configs: [{ job_name: "agent", static_configs: targets }],
  });
}

test("every query has an answer from the real Prometheus, and figures agree with what flows", async () => {
  const samples = await loadSamples();
  const plan = planProducts(
    { urps: [...flowUrps], count: 500, ratePerSecond: 20, seed: 3, firstObservation: firstObservationOf(new Date()) },
    samples,
  );
  const map = mapOf();
  let checked: Promise<void> | undefined;
  const check = async (stage: Pick<Stage, "agents">): Promise<void> => {
    const source = new PrometheusSource(await startScraping(stage), map, { timeoutMs: 5000, bytesMax: 4_000_000 });
    const now = async () => {
      const answer = await source.figures(Date.now());
      return "value" in answer ? answer.value : {};
    };
    await expect.poll(async () => (await now()).pulled?.filter(({ value }) => value > 0).length).toBe(flowPds.length);
    const figures = await now();
    const hostsOf = (name: "announced" | "pulled") => figures[name]?.map(({ labels }) => labels.host).toSorted();
    expect(figures.up?.filter(({ value }) => value === 1)).toHaveLength(flowUrps.length + 1 + flowPds.length);
    expect(hostsOf("announced")).toEqual([...flowUrps]);
    expect(hostsOf("pulled")).toEqual([...flowPds]);
    expect(figures.active).toEqual([{ labels: { host: "bunny" }, value: 1 }]);
    expect(figures.first).toHaveLength(flowUrps.length);
    for (const name of ["p50", "p99", "slowest", "dispatched"] as const) {
      expect(figures[name]?.[0]?.value, name).toBeGreaterThan(0);
    }
    expect(figures.healthy?.every(({ value }) => value === 1)).toBe(true);
    for (const range of Object.keys(ranges) as Range[]) {
      const history = await source.history(range, Date.now());
      expect(history, range).toHaveProperty("value.charts.length", 3);
    }
  };
  const result = await runFlow({
    ...{ plan, samples, broker: (await sharedBroker()).url, keep: false, signal: new AbortController().signal },
    stream: { write: () => {} },
    onProgress: ({ pulled }, stage) => {
      if (pulled < 20) return;
      checked ??= check(stage);
      // Awaited below.
      checked.catch(() => {});
    },
  });
  await checked;
  expect(checked).toBeDefined();
  expect(result.account.lost).toBe(0);
});
