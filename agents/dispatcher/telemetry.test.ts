import { expect, test } from "vitest";
import { Metrics } from "../lib/metrics.ts";
import { Sources } from "./sources.ts";
import type { DispatcherView } from "./status.ts";
import { Telemetry } from "./telemetry.ts";

const view: DispatcherView = {
  ...{ state: "fenced", stateForMs: 0, starvedOf: undefined },
  ...{ inFlight: 2, entries: 5, retrying: 0, keptAside: 7, doubts: 1, alternatesWaiting: 3, ledgerUnacked: 9 },
  ledgerPaused: false,
  journalFault: "ENOSPC",
  ...{ journalBytes: 40_000, clockSteppedMs: -30_000.4, clockAheadMs: 3_600_000 },
  broker: "ready",
  connection: "",
  silentSources: [],
  address: undefined,
};

/** Samples by name and labels, without the prefix; the time is 12 s. */
async function samples(
  feed: (telemetry: Telemetry, sources: Sources) => void,
  own: Partial<DispatcherView> = {},
): Promise<Map<string, number>> {
  const metrics = new Metrics("dispatcher");
  const sources = new Sources(5000);
  const telemetry = new Telemetry(
    metrics,
    sources,
    () => ({ ...view, ...own }),
    () => 12_000,
  );
  feed(telemetry, sources);
  await metrics.text();
  const lines = (await metrics.text()).split("\n").filter((line) => line.startsWith("warren_dispatcher_"));
  return new Map(
    lines.map((line) => {
      const [name = "", value] = line.slice("warren_dispatcher_".length).split(/ (?=[^ ]+$)/);
      return [name, Number(value)];
    }),
  );
}

test("who was first, who was second and by how much, and who is silent is reported by source, however often it is scraped", async () => {
  const got = await samples((telemetry, sources) => {
    telemetry.count({ type: "won", source: "urp-1", tookMs: 4 }, 1000);
    telemetry.count({ type: "won", source: "urp-1", tookMs: 4 }, 11_000);
    const twin = { type: "twin", source: "urp-2", firstSource: "urp-1", leadMs: 300, sizeDiffers: true } as const;
    telemetry.count(twin, 2000);
    telemetry.count({ ...twin, source: "urp-1" }, 11_000);
    sources.check(12_000);
  });
  expect(got.get('dispatched_total{source="urp-1"}')).toBe(2);
  expect(got.get('twins_total{source="urp-2",first_source="urp-1"}')).toBe(1);
  expect(got.get('size_disagreements_total{source="urp-2"}')).toBe(1);
  expect(got.get('source_silence_seconds{source="urp-2"}')).toBe(10);
  expect(got.get('source_silent{source="urp-2"}')).toBe(1);
  expect(got.get('source_silent{source="urp-1"}')).toBe(0);
  expect(got.get("dispatch_seconds_count")).toBe(2);
  // A source that repeats itself is not ahead of another.
  expect(got.get('lead_seconds_count{source="urp-1"}')).toBe(1);
});

test("the state is a state set: one sample per state, labelled with the metric's own name", async () => {
  const got = await samples(() => {});
  const states = [...got].filter(([name]) => name.startsWith("state{"));
  expect(states.map(([, value]) => value).reduce((sum, value) => sum + value)).toBe(1);
  expect(states).toHaveLength(6);
  expect(got.get('state{warren_dispatcher_state="fenced"}')).toBe(1);
  expect(got.get("active")).toBe(0);
});

test.each([
  ["ready", "active", 1],
  ["blocked", "active", 0],
  ["connecting", "active", 0],
  ["ready", "standby", 0],
] as const)("with a broker that is %s, a host that is %s counts as %i that dispatch", async (broker, state, active) => {
  expect((await samples(() => {}, { broker, state })).get("active")).toBe(active);
});

test("waiting deliveries and faults are reported as they are at the scrape", async () => {
  const got = await samples((telemetry) => {
    telemetry.received();
    telemetry.count({ type: "doubt-settled", how: "receipt", heldMs: 200 }, 0);
    telemetry.count({ type: "doubt-settled", how: "again", heldMs: 30_000 }, 0);
    telemetry.alternate("served");
    telemetry.queuesMissing(["cmc.urp.pull"]);
    telemetry.takenOver(20);
  });
  expect(Object.fromEntries(got)).toMatchObject({
    received_total: 1,
    in_flight: 2,
    kept_aside: 7,
    doubts_open: 1,
    alternates_waiting: 3,
    ledger_unacked: 9,
    journal_fault: 1,
    journal_bytes: 40_000,
    clock_stepped_seconds: -30,
    clock_ahead_seconds: 3600,
    'doubts_settled_total{how="receipt"}': 1,
    'doubts_settled_total{how="again"}': 1,
    'alternates_total{how="served"}': 1,
    'queues_missing_total{queue="cmc.urp.pull"}': 1,
    take_over_seconds_count: 1,
  });
});
