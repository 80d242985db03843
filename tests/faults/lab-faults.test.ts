import { expect, it } from "vitest";
import { alerts } from "../../infra/model/alerts/index.ts";
import { fixtureConfig } from "../../infra/model/fixture.ts";
import { chainOf } from "../../scripts/inspect/snapshot/chain.ts";
import { steps } from "../../scripts/inspect/verify/judge.ts";
import { publicFaults } from "./public.ts";
import { radarFaults } from "./radar.ts";

const all = [...radarFaults, ...publicFaults];
const chain = chainOf("lab", fixtureConfig("lab"));

// tests/acceptance/verify-faults.ts shows on the lab's hosts that verify names them.
it("has at least 25 faults with different names", () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  expect(new Set(all.map(({ inject }) => JSON.stringify(inject))).size).toBe(all.length);
  expect(all.length).toBeGreaterThanOrEqual(25);
});

it.each(all.map((fault) => [fault.name, fault] as const))(
  "is about a step that the lab has: %s",
  (_, { host, step }) => {
    expect(steps.filter(({ id, hosts }) => id === step && hosts(chain).includes(host))).not.toEqual([]);
  },
);

/** Why no fault of a lab fires an alert. */
const notFired: Readonly<Record<string, string>> = {
  ProductLost: "no single fault loses a product",
  NothingAnnounced: "one fault leaves the other radar server",
  LatencyBudgetFast: "a fault of a lab is shorter than its windows",
  LatencyBudgetSlow: "as LatencyBudgetFast",
  DispatcherStuck: "a full table takes a million products, a missing queue is declared again",
  JournalFault: "a full disk of a broker's host stops the broker first",
  Repeats: "no single fault repeats a product",
  AuditorBlind: "the auditor's host is the monitor's, which then sees nothing at all",
  DeliveryDelayed: "the lab's senders have one directory: what stops one file stops all, and pages",
  MqttUnserved: "stack lab has RabbitMQ 3.10, without MQTT; mqtt.ts disables the plugin on lab4",
  BridgeCutOff: "no lab has a Global Broker",
  DiskFillsUp: "a broker's disk that is almost full blocks the broker first; other faults fill a tmpfs",
  CertificateExpires: "a lab's certificates are days old",
  ClockOff: "hosts share the machine's clock",
  JobMissing: "the files of targets are not part of any fault",
  MonitorIsolated: "a cut monitor can't be asked",
  Watchdog: "it always fires",
};

it("fires an alert of the catalogue, or says why none does", () => {
  const known = alerts.map(({ name }) => name);
  const named = all.flatMap(({ alert, alsoPages = [] }) => [
    ...(typeof alert === "string" ? [alert] : []),
    ...alsoPages,
  ]);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
  for (const { alert } of all) if (typeof alert !== "string") expect(alert.none).toMatch(/\S/);
  for (const { alert, alsoPages = [] } of all) expect(alsoPages).not.toContain(alert);
});

it("is made for every alert that a lab can fire", () => {
  const fired = new Set(all.flatMap(({ alert, alsoPages = [] }) => [alert, ...alsoPages]));
  const never = alerts.map(({ name }) => name).filter((name) => !fired.has(name));
  expect(never.toSorted()).toEqual(Object.keys(notFired).toSorted());
});

it("names steps that verify has, or will have with the auditor", () => {
  const known = [...steps.map(({ id }) => id as string), ""];
  expect(alerts.filter(({ step }) => !known.includes(step)).map(({ name, step }) => `${name}: ${step}`)).toEqual([]);
});
